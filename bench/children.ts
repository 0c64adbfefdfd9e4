// Processes that were started here. None outlives this one.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export const children = new Set<ChildProcess>()
process.once('exit', stopAll)

/** A program that is no Node's, which listens at a port of 127.0.0.1. */
export interface Program {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

/** Starts a server that is no Node, and resolves once its port is open; rejects, with what it printed, after 15 s. */
export async function startProgram(words: readonly [string, ...string[]], port: number): Promise<Program> {
  const [command, ...rest] = words
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  let failure: Error | undefined
  child.on('error', error => {
    failure = error
  })
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      said = (said + chunk).slice(-4000)
    })
  children.add(child)
  const gone = once(child, 'close').finally(() => children.delete(child))
  gone.catch(() => {})
  for (const deadline = Date.now() + 15_000; ; await sleep(20)) {
    if (failure !== undefined) throw new Error(`${command} does not start: ${failure.message}`)
    if (child.exitCode !== null) throw new Error(`${command} ended at start:\n${said}`)
    if (Date.now() > deadline) throw new Error(`${command} does not answer after 15 s:\n${said}`)
    const socket = connect(port, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) break
  }
  const stop = async () => {
    child.kill('SIGTERM')
    await gone
  }
  return { pid: child.pid ?? 0, port, stop }
}

/** Ends everything that was started here. */
export function stopAll(): void {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
}
