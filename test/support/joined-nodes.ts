// Processes of one service that know each other, all of them in the test.
import { pino } from 'pino'
import type { Nodes } from '../../src/processes/nodes.js'
import { startNodes } from '../../src/processes/start-nodes.js'
import { FakeClock } from './fake-clock.js'
import { MemoryNetwork } from './memory-carrier.js'

const log = pino({ level: 'silent' })

/** Processes with these names. */
export async function joinNodes(...names: readonly string[]) {
  const clock = new FakeClock()
  const network = new MemoryNetwork()
  const nodes: Nodes[] = []
  for (const name of names) nodes.push(await startNodes({ carriers: [network.start], clock, log, name }))
  await arrived()
  return { clock, network, nodes }
}

/** Waits for enough turns of the event loop that all frames and the answers to them have arrived. */
export async function arrived(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}
