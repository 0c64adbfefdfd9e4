import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Question } from './probe.js'
import { socketOf } from './tally.js'

/** Asks a process that has loaded probe.ts. */
export async function ask(pid: number, question: Question): Promise<number> {
  const socket = connect(socketOf(pid))
  socket.write(question)
  return Number(await text(socket))
}
