// Lines 4, 5 and 6: how fast messages go there and back, and what a round trip costs.
import { startEjabberd } from '../test/support/ejabberd.js'
import { type Comparison, cpu, judgeRatio, rate, table, takeTurns } from './comparison.js'
import { startEcho } from './echo.js'
import type { PartResult } from './figures.js'
import { lines, type Verdict } from './lines.js'
import { startFloor, startService } from './processes.js'
import { names, type Round, runFresh, type Stage, users } from './stage.js'
import type { Target } from './work.js'

const unit = 'round trips'
const warmUpRounds = 4

export async function measureChatting(stage: Stage): Promise<PartResult> {
  const parts = [await beforeProsody(stage), await beforeEjabberd(stage)]
  return {
    verdicts: parts.flatMap(({ verdicts }) => verdicts),
    comparisons: parts.flatMap(({ comparisons }) => comparisons),
  }
}

interface ChatResult {
  readonly verdicts: readonly Verdict[]
  readonly comparisons: readonly Comparison[]
}

async function beforeProsody(stage: Stage): Promise<ChatResult> {
  const { sizes, prosody, load, log } = stage
  const service = await startService({ c2sPort: prosody.c2sPort })
  const echo = await startEcho()
  const floor = await startFloor(echo.port)
  const bosh = { product: 'the service', peer: "Prosody's own endpoint" }
  const all = { ...bosh, floor: 'two empty POSTs at node:http', relay: 'the same to read and to write' }
  const targets: Record<keyof typeof all, Target> = {
    product: { kind: 'product', port: service.port },
    peer: { kind: 'peer', port: prosody.httpPort },
    floor: { kind: 'floor', port: floor.port },
    relay: { kind: 'relay', port: floor.port },
  }
  const run = async (key: keyof typeof all, pollFirst: boolean) => {
    const round: Round = {
      part: 'chat',
      target: targets[key],
      prefix: 'user',
      users: sizes.chatSessions,
      amount: sizes.chatSeconds,
      pollFirst,
    }
    // Nothing of it reaches Prosody.
    if (key === 'floor' || key === 'relay')
      return load.run({ ...round, pids: { floor: floor.pid, client: load.pid } })
    return runFresh(stage, round, key === 'product' ? { service: service.pid } : {})
  }
  try {
    const keys = ['product', 'peer', 'floor', 'relay'] as const
    for (let round = 0; round < warmUpRounds; round++) for (const key of keys) await run(key, true)
    const held: Comparison<keyof typeof all> = {
      title: `Messages to oneself, ${sizes.chatSessions} sessions, a poll held before each`,
      unit,
      labels: all,
      rounds: await takeTurns(sizes.rounds, keys, key => run(key, true)),
    }
    log(table(held))
    const two = ['product', 'peer'] as const
    const sparing: Comparison<keyof typeof bosh> = {
      title: 'The same, where the message itself is the next poll',
      unit,
      labels: bosh,
      rounds: await takeTurns(sizes.rounds, two, key => run(key, false)),
    }
    log(table(sparing))
    return {
      verdicts: [
        judgeRatio(lines.chat, held, ['product', 'peer'], rate),
        judgeRatio(lines.chatSparing, sparing, ['product', 'peer'], rate),
        judgeRatio(lines.chatCpu, held, ['product', 'floor'], cpu('service'), {
          theirMeasure: cpu('floor'),
          alsoBeside: ['relay'],
        }),
      ],
      comparisons: [held, sparing],
    }
  } finally {
    await Promise.all([service.stop(), floor.stop()])
    echo.close()
  }
}

/**
 * The same messages with ejabberd behind the service, and at ejabberd's own endpoint. A message is the next poll here:
 * of two requests sent at once over two connections ejabberd 23.01 now and then reads the second one first, and then
 * leaves both unanswered.
 */
async function beforeEjabberd({ sizes, load, log }: Stage): Promise<ChatResult> {
  const ejabberd = await startEjabberd({
    users: Object.fromEntries(names('user', users).map(name => [name, name])),
    plain: true,
  })
  const service = await startService({ c2sPort: ejabberd.c2sPort })
  const labels = { product: 'the service', peer: "ejabberd's own endpoint" }
  const keys = ['product', 'peer'] as const
  const targets: Record<keyof typeof labels, Target> = {
    product: { kind: 'product', port: service.port },
    peer: { kind: 'peer', port: ejabberd.httpPort },
  }
  const run = (key: keyof typeof labels) =>
    load.run({
      part: 'chat',
      target: targets[key],
      prefix: 'user',
      users: sizes.chatSessions,
      amount: sizes.chatSeconds,
      pids: {
        ...(key === 'product' && { service: service.pid }),
        ejabberd: ejabberd.pid,
        client: load.pid,
      },
    })
  try {
    for (let round = 0; round < warmUpRounds; round++) for (const key of keys) await run(key)
    const comparison: Comparison<keyof typeof labels> = {
      title: `Messages to oneself, ${sizes.chatSessions} sessions, before ejabberd`,
      unit,
      labels,
      rounds: await takeTurns(sizes.rounds, keys, run),
    }
    log(table(comparison))
    return {
      verdicts: [judgeRatio(lines.chatEjabberd, comparison, ['product', 'peer'], rate)],
      comparisons: [comparison],
    }
  } finally {
    await Promise.all([service.stop(), ejabberd.stop()])
  }
}
