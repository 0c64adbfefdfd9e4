// Line 9: whether users who chat notice that others are warmed.
import { type Comparison, judgeRatio, p99, table, takeTurns } from './comparison.js'
import type { PartResult } from './figures.js'
import { lines } from './lines.js'
import { startLoadClient, startService } from './processes.js'
import { type Round, runFresh, type Stage, users } from './stage.js'
import type { Figures, Target } from './work.js'

const warmsPerSecond = 50
/** The warms begin before the round trips are counted and go on until none is. */
const marginSeconds = 2

const labels = { alone: 'round trips alone', mixed: `beside ${warmsPerSecond} warms a second` }
type Key = keyof typeof labels

export async function measureMixed(stage: Stage): Promise<PartResult> {
  const { sizes, prosody, log } = stage
  const service = await startService({ c2sPort: prosody.c2sPort })
  const target: Target = { kind: 'product', port: service.port }
  // A process of its own: while it reads a reply, the chatting clients must not have to wait for it.
  const warmer = startLoadClient()
  const warms: Figures[] = []
  const chat: Round = {
    part: 'chat',
    target,
    prefix: 'user',
    users: sizes.chatSessions,
    pollFirst: true,
    amount: sizes.mixedSeconds,
  }
  const pace: Round = {
    part: 'pace',
    target,
    prefix: 'user',
    users,
    warmsPerSecond,
    amount: sizes.mixedSeconds + marginSeconds,
  }
  const withWarms = async (): Promise<Figures> => {
    await prosody.restart()
    const pids = { service: service.pid, Prosody: prosody.pid }
    const warming = warmer.run({ ...pace, pids: { ...pids, client: warmer.pid } })
    warming.catch(() => {})
    const figures = await stage.load.run({ ...chat, pids: { ...pids, client: stage.load.pid } })
    warms.push(await warming)
    return figures
  }
  const run = (key: Key) => (key === 'mixed' ? withWarms() : runFresh(stage, chat, { service: service.pid }))
  try {
    for (let round = 0; round < 2; round++) await withWarms()
    warms.length = 0
    const comparison: Comparison<Key> = {
      title: 'Round trips beside warms',
      unit: 'round trips',
      labels,
      rounds: await takeTurns(sizes.rounds, ['alone', 'mixed'], run),
    }
    const warming: Comparison<'warms'> = {
      title: 'The warms beside them',
      unit: 'warms',
      labels: { warms: 'the service' },
      rounds: { warms },
    }
    log(table(comparison))
    log(table(warming))
    return {
      verdicts: [judgeRatio(lines.mixed, comparison, ['mixed', 'alone'], p99)],
      comparisons: [comparison, warming],
    }
  } finally {
    warmer.stop()
    await service.stop()
  }
}
