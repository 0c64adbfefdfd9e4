// Line 17: what two workers on one port do with a second of CPU time, and what one process does with it.
import { type Comparison, judgeRatio, perCpuSecond, table, takeTurns } from './comparison.js'
import type { PartResult } from './figures.js'
import { startWorkers } from './groups.js'
import { lines } from './lines.js'
import { startService } from './processes.js'
import { type Round, runFresh, type Stage, users } from './stage.js'

const workerCount = 2
const chatWarmUpRounds = 4

const labels = { one: 'one process', two: `WORKERS=${workerCount}, with the primary` }
type Key = keyof typeof labels
const keys = ['one', 'two'] as const

export async function measureSharing(stage: Stage): Promise<PartResult & { comparisons: Comparison[] }> {
  const { sizes, prosody, log } = stage
  const options = { c2sPort: prosody.c2sPort }
  const one = await startService(options)
  const two = await startWorkers(workerCount, options)
  const ports = { one: one.port, two: two.port }
  const pids = { one: one.pid, two: two.pids }
  const run = (key: Key, round: Omit<Round, 'target' | 'prefix'>) =>
    runFresh(
      stage,
      { ...round, prefix: 'user', target: { kind: 'product', port: ports[key] } },
      { service: pids[key] },
    )
  try {
    const warm = { part: 'warm', users, amount: sizes.warms } as const
    // Each of the workers has to be as warm as the one process.
    for (let round = 0; round < sizes.warmUpRounds; round++) {
      await run('one', warm)
      for (let worker = 0; worker < workerCount; worker++) await run('two', warm)
    }
    const warming: Comparison<Key> = {
      title: 'Warming, 10 at once, by one process and by workers',
      unit: 'warms',
      labels,
      rounds: await takeTurns(sizes.rounds, keys, key => run(key, warm)),
    }
    log(table(warming))
    const chat = {
      part: 'chat',
      users: sizes.chatSessions,
      amount: sizes.chatSeconds,
      pollFirst: true,
    } as const
    for (let round = 0; round < chatWarmUpRounds; round++) for (const key of keys) await run(key, chat)
    const chatting: Comparison<Key> = {
      title: `Messages to oneself, ${sizes.chatSessions} sessions, on connections placed at random`,
      unit: 'round trips',
      labels,
      rounds: await takeTurns(sizes.rounds, keys, key => run(key, chat)),
    }
    log(table(chatting))
    return {
      verdicts: [
        judgeRatio(lines.workersWarm, warming, ['two', 'one'], perCpuSecond('service')),
        judgeRatio(lines.workersChat, chatting, ['two', 'one'], perCpuSecond('service')),
      ],
      comparisons: [warming, chatting],
    }
  } finally {
    await Promise.all([one.stop(), two.stop()])
  }
}
