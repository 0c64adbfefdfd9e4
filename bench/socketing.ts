// Lines 11 to 13: the same messages over WebSocket, what a round trip and a held session cost there.
import { startDemoServer } from '../src/demo/server.js'
import { startEjabberd } from '../test/support/ejabberd.js'
import { type Comparison, cpu, judgeRatio, rate, table, takeTurns } from './comparison.js'
import type { PartResult } from './figures.js'
import { inWords, weigh } from './idle.js'
import { judge, lines } from './lines.js'
import { startFloor, startService } from './processes.js'
import { openSockets, type SocketSession } from './socket-sessions.js'
import { names, type Round, runFresh, type Stage, users } from './stage.js'
import type { Target } from './work.js'

const unit = 'round trips'
const warmUpRounds = 4
const heldUsers = 50

export async function measureSockets(stage: Stage): Promise<PartResult> {
  const parts = [await beforeProsody(stage), await beforeEjabberd(stage), await heldOnes(stage)]
  return {
    verdicts: parts.flatMap(({ verdicts }) => verdicts),
    comparisons: parts.flatMap(({ comparisons = [] }) => comparisons),
  }
}

const chatting = (sizes: Stage['sizes'], target: Target): Round => ({
  part: 'chat',
  target,
  prefix: 'user',
  users: sizes.chatSessions,
  amount: sizes.chatSeconds,
  pollFirst: true,
})

async function beforeProsody(stage: Stage): Promise<PartResult> {
  const { sizes, prosody, log } = stage
  const service = await startService({ c2sPort: prosody.c2sPort })
  const labels = {
    product: 'the service',
    peer: "Prosody's own endpoint",
    bosh: 'the service over BOSH, a poll held',
  }
  const targets: Record<keyof typeof labels, Target> = {
    product: { kind: 'product', port: service.port, over: 'websocket' },
    peer: { kind: 'peer', port: prosody.httpPort, over: 'websocket' },
    bosh: { kind: 'product', port: service.port },
  }
  const keys = ['product', 'peer', 'bosh'] as const
  const run = (key: keyof typeof labels) =>
    runFresh(stage, chatting(sizes, targets[key]), key === 'peer' ? {} : { service: service.pid })
  try {
    for (let round = 0; round < warmUpRounds; round++) for (const key of keys) await run(key)
    const comparison: Comparison<keyof typeof labels> = {
      title: `Messages to oneself over WebSocket, ${sizes.chatSessions} sessions`,
      unit,
      labels,
      rounds: await takeTurns(sizes.rounds, keys, run),
    }
    log(table(comparison))
    return {
      verdicts: [
        judgeRatio(lines.socketChat, comparison, ['product', 'peer'], rate),
        judgeRatio(lines.socketCpu, comparison, ['product', 'bosh'], cpu('service')),
      ],
      comparisons: [comparison],
    }
  } finally {
    await service.stop()
  }
}

/** Beside both a bare relay, which says how much of what the service costs is nothing but reading and writing. */
async function beforeEjabberd({ sizes, load, log }: Stage): Promise<PartResult> {
  const ejabberd = await startEjabberd({
    users: Object.fromEntries(names('user', users).map(name => [name, name])),
    plain: true,
  })
  const service = await startService({ c2sPort: ejabberd.c2sPort })
  const floor = await startFloor(ejabberd.c2sPort)
  const labels = {
    product: 'the service',
    peer: "ejabberd's own endpoint",
    relay: 'the same to read and to write',
  }
  const targets: Record<keyof typeof labels, Target> = {
    product: { kind: 'product', port: service.port, over: 'websocket' },
    peer: { kind: 'peer', port: ejabberd.httpPort, over: 'websocket' },
    relay: { kind: 'peer', port: floor.port, over: 'websocket' },
  }
  const keys = ['product', 'peer', 'relay'] as const
  const run = (key: keyof typeof labels) => {
    const pids = {
      ...(key === 'product' && { service: service.pid }),
      ...(key === 'relay' && { floor: floor.pid }),
      ...{ ejabberd: ejabberd.pid, client: load.pid },
    }
    return load.run({ ...chatting(sizes, targets[key]), pids })
  }
  try {
    for (let round = 0; round < warmUpRounds; round++) for (const key of keys) await run(key)
    const comparison: Comparison<keyof typeof labels> = {
      title: `Messages to oneself over WebSocket, ${sizes.chatSessions} sessions, before ejabberd`,
      unit,
      labels,
      rounds: await takeTurns(sizes.rounds, keys, run),
    }
    log(table(comparison))
    return {
      verdicts: [
        judgeRatio(lines.socketEjabberd, comparison, ['product', 'peer'], rate, { alsoBeside: ['relay'] }),
      ],
      comparisons: [comparison],
    }
  } finally {
    await Promise.all([service.stop(), floor.stop(), ejabberd.stop()])
  }
}

async function heldOnes({ sizes, log }: Stage): Promise<PartResult> {
  const accounts = names('user', heldUsers)
  const server = await startDemoServer(Object.fromEntries(accounts.map(name => [name, name])))
  const service = await startService({ c2sPort: server.port })
  const held: SocketSession[] = []
  let lost = 0
  const hold = async (count: number) => {
    const wanted = Array.from({ length: count }, (_, index) => accounts[index % heldUsers]!)
    const target = { kind: 'product', port: service.port } as const
    held.push(...(await openSockets(target, wanted, () => void lost++)))
  }
  try {
    const weight = await weigh([service], sizes, hold)
    log(`\nA held session over WebSocket, plain link\n  the service: ${inWords(weight)}, ${lost} lost`)
    const value = `${weight.kibPerSession.toFixed(1)} KiB`
    return {
      verdicts: [judge(lines.socketMemory, [lost === 0 ? weight.kibPerSession : Number.NaN], { value })],
    }
  } finally {
    for (const { lane } of held) lane.close()
    await server.stop()
    await service.stop()
  }
}
