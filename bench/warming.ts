// Lines 1, 2 and 7: how fast warms are, and what one costs.
import { type Comparison, cpu, judgeRatio, rate, table, takeTurns } from './comparison.js'
import type { PartResult } from './figures.js'
import { lines } from './lines.js'
import { startFloor, startService } from './processes.js'
import { freshPrefix, type Round, runFresh, type Stage, users } from './stage.js'
import type { Target } from './work.js'

const labels = {
  product: 'the service',
  peer: "Prosody's own endpoint",
  raw: 'bare XMPP stream',
  floor: 'node:http and a bare stream',
}
type Key = keyof typeof labels
const keys = Object.keys(labels) as Key[]

export async function measureWarming(stage: Stage): Promise<PartResult> {
  const { sizes, prosody, log } = stage
  const service = await startService({ c2sPort: prosody.c2sPort })
  const floor = await startFloor(prosody.c2sPort)
  const targets: Record<Key, Target> = {
    product: { kind: 'product', port: service.port },
    peer: { kind: 'peer', port: prosody.httpPort },
    raw: { kind: 'raw', port: prosody.c2sPort },
    floor: { kind: 'floor', port: floor.port },
  }
  const pids = { product: { service: service.pid }, peer: {}, raw: {}, floor: { floor: floor.pid } }
  const run = (key: Key, round: Omit<Round, 'part' | 'target'>) =>
    runFresh(stage, { ...round, part: 'warm', target: targets[key] }, pids[key])
  try {
    const known = { prefix: 'user', users, amount: sizes.warms }
    for (let round = 0; round < sizes.warmUpRounds; round++) for (const key of keys) await run(key, known)
    const warming: Comparison<Key> = {
      title: 'Warming, 10 at once',
      unit: 'warms',
      labels,
      rounds: await takeTurns(sizes.rounds, keys, key => run(key, known)),
    }
    log(table(warming))
    const fresh: Comparison<Key> = {
      title: 'Warming, users never seen before',
      unit: 'warms',
      labels,
      rounds: await takeTurns(sizes.rounds, keys, (key, round) =>
        run(key, { prefix: freshPrefix(round), users: sizes.freshUsers, amount: sizes.freshUsers }),
      ),
    }
    log(table(fresh))
    return {
      verdicts: [
        judgeRatio(lines.warm, warming, ['product', 'peer'], rate),
        judgeRatio(lines.limit, warming, ['product', 'raw'], rate),
        judgeRatio(lines.warmCpu, warming, ['product', 'floor'], cpu('service'), {
          theirMeasure: cpu('floor'),
        }),
      ],
      comparisons: [warming, fresh],
    }
  } finally {
    await Promise.all([service.stop(), floor.stop()])
  }
}
