// Processes of one service in the memory of a test, each with a clock of its own.
import { pino } from 'pino'
import type { Nodes } from '../../src/processes/nodes.js'
import { startNodes } from '../../src/processes/start-nodes.js'
import { FakeClock } from './fake-clock.js'
import { MemoryNetwork } from './memory-carrier.js'

/** Waits for enough turns of the event loop that everything has arrived. */
export async function settled(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
}

export async function leave(nodes: Nodes): Promise<void> {
  nodes.leave()
  await nodes.close()
}

export interface JoinedProcess {
  readonly nodes: Nodes
  readonly clock: FakeClock
}

/** Such as `pppp0007`. */
export const processName = (number: number) => `pppp${String(number).padStart(4, '0')}`

export class JoinedProcesses {
  readonly network = new MemoryNetwork()
  readonly all: JoinedProcess[] = []

  /** Starts one more, whose clock is so far ahead of the test's, in milliseconds. */
  async start(name = processName(this.all.length), ahead = 0): Promise<JoinedProcess> {
    const clock = new FakeClock()
    clock.advance(ahead)
    const log = pino({ level: 'silent' })
    const nodes = await startNodes({ carriers: [this.network.start], clock, log, name })
    const started = { nodes, clock }
    this.all.push(started)
    return started
  }

  /** One is gone at once. */
  kill({ nodes }: JoinedProcess): void {
    this.network.kill(nodes.self)
    this.all.splice(
      this.all.findIndex(each => each.nodes === nodes),
      1,
    )
  }

  /** Moves all clocks on, after what is on its way has arrived. */
  async pass(milliseconds: number): Promise<void> {
    await settled()
    for (const { clock } of this.all) clock.advance(milliseconds)
    await settled()
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(({ nodes }) => nodes.close()))
  }
}
