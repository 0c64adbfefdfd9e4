// Lines 15 and 16: what a round trip costs whose requests come to another process than the one that has the session.
import { type Comparison, cpu, judgeRatio, p50, table, takeTurns } from './comparison.js'
import { startBalancer, startNats } from './engines.js'
import type { PartResult } from './figures.js'
import { startApart, startNeighbours } from './groups.js'
import { judge, type Line, lines, median, type Verdict } from './lines.js'
import { startService } from './processes.js'
import { runFresh, type Stage } from './stage.js'
import type { Processes, Target } from './work.js'

const warmUpRounds = 4

const labels = {
  alone: 'a process without others',
  balanced: 'the same behind HAProxy',
  local: 'at the process with the session',
  other: 'at the other one of the machine',
  nats: 'at another one, over NATS',
}
type Key = keyof typeof labels

export async function measureCarrying(stage: Stage): Promise<PartResult & { comparisons: Comparison[] }> {
  const { sizes, prosody, log } = stage
  const options = { c2sPort: prosody.c2sPort }
  const alone = await startService(options)
  const balancer = await startBalancer(alone.port)
  const neighbours = await startNeighbours(options)
  const nats = await startNats()
  const apart = await startApart(nats.port, options)
  const across = ([one, other]: typeof neighbours.both): Target => ({
    kind: 'product',
    port: other.port,
    warmPort: one.port,
  })
  const measured: Record<Key, { target: Target; pids: Processes }> = {
    alone: { target: { kind: 'product', port: alone.port }, pids: { service: alone.pid } },
    balanced: {
      target: { kind: 'product', port: balancer.port, warmPort: alone.port },
      pids: { service: alone.pid, HAProxy: balancer.pid },
    },
    local: {
      target: { kind: 'product', port: neighbours.both[0].port },
      pids: { service: neighbours.pids },
    },
    other: { target: across(neighbours.both), pids: { service: neighbours.pids } },
    nats: { target: across(apart.both), pids: { service: apart.pids, NATS: nats.pid } },
  }
  const run = (key: Key, users: number) => {
    const { target, pids } = measured[key]
    const round = { part: 'chat', target, prefix: 'user', users, amount: sizes.chatSeconds } as const
    return runFresh(stage, { ...round, pollFirst: true }, pids)
  }
  try {
    const keys = Object.keys(labels) as Key[]
    for (let round = 0; round < warmUpRounds; round++)
      for (const key of keys) await run(key, sizes.chatSessions)
    const many: Comparison<Key> = {
      title: `Messages to oneself, ${sizes.chatSessions} sessions, a poll held before each, by where the requests come`,
      unit: 'round trips',
      labels,
      rounds: await takeTurns(sizes.rounds, keys, key => run(key, sizes.chatSessions)),
    }
    log(table(many))
    const one: Comparison<Key> = {
      title: 'The same, one session alone',
      unit: 'round trips',
      labels,
      rounds: await takeTurns(sizes.rounds, keys, key => run(key, 1)),
    }
    log(table(one))
    const others = { alsoBeside: ['alone'] as const }
    return {
      verdicts: [
        judgeRatio(lines.otherWorkerCpu, many, ['other', 'local'], cpu('service'), others),
        judgeLater(lines.otherWorkerLater, one, 'other'),
        judgeRatio(lines.natsCpu, many, ['nats', 'local'], cpu('service'), others),
        judgeLater(lines.natsLater, one, 'nats'),
      ],
      comparisons: [many, one],
    }
  } finally {
    await Promise.all([alone, balancer, neighbours, apart].map(each => each.stop()))
    await nats.stop()
  }
}

/** Judges a line by how much later the half of all messages has come back. */
function judgeLater(line: Line, { rounds }: Comparison<Key>, key: Key): Verdict {
  const [values, bases] = [rounds[key].map(p50.of), rounds.local.map(p50.of)]
  return judge(
    line,
    values.map((value, round) => value - bases[round]!),
    { value: `${median(values).toFixed(2)} ms`, base: `${median(bases).toFixed(2)} ms` },
  )
}
