// Line 17: what two workers on one port do with a second of CPU time, and what one process does with it. Beside them stand
// two processes that know nothing of each other, whose sessions are asked for where they are: what those lose is lost
// to one more process on the same cores, not to what is carried.
import { type Comparison, judgeRatio, perCpuSecond, table, takeTurns } from './comparison.js'
import type { PartResult } from './figures.js'
import { startWorkers } from './groups.js'
import { lines } from './lines.js'
import { startService } from './processes.js'
import { type Round, runFresh, type Stage, users } from './stage.js'
import type { Target } from './work.js'

const workerCount = 2
const chatWarmUpRounds = 4

const labels = {
  one: 'one process',
  two: `WORKERS=${workerCount}, with the primary`,
  apart: 'two processes that know nothing of each other',
}
type Key = keyof typeof labels
const keys = ['one', 'two', 'apart'] as const
const pairs = ['two', 'apart'] as const
const alsoBeside = ['apart'] as const

export async function measureSharing(stage: Stage): Promise<PartResult & { comparisons: Comparison[] }> {
  const { sizes, prosody, log } = stage
  const options = { c2sPort: prosody.c2sPort }
  const one = await startService(options)
  const two = await startWorkers(workerCount, options)
  const apart = await Promise.all([startService(options), startService(options)])
  const targets: Record<Key, Target> = {
    one: { kind: 'product', port: one.port },
    two: { kind: 'product', port: two.port },
    apart: { kind: 'product', port: apart[0].port, apart: apart.map(({ port }) => port) },
  }
  const pids = { one: one.pid, two: two.pids, apart: apart.map(({ pid }) => pid) }
  const run = (key: Key, round: Omit<Round, 'target' | 'prefix'>) =>
    runFresh(stage, { ...round, prefix: 'user', target: targets[key] }, { service: pids[key] })
  try {
    const warm = { part: 'warm', users, amount: sizes.warms } as const
    // Each of the workers has to be as warm as the one process.
    for (let round = 0; round < sizes.warmUpRounds; round++) {
      await run('one', warm)
      for (let worker = 0; worker < workerCount; worker++) for (const key of pairs) await run(key, warm)
    }
    const warming: Comparison<Key> = {
      title: 'Warming, 10 at once, by one process and by workers',
      unit: 'warms',
      labels,
      rounds: await takeTurns(sizes.sharingRounds, keys, key => run(key, warm)),
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
      rounds: await takeTurns(sizes.sharingRounds, keys, key => run(key, chat)),
    }
    log(table(chatting))
    return {
      verdicts: [
        judgeRatio(lines.workersWarm, warming, ['two', 'one'], perCpuSecond('service'), { alsoBeside }),
        judgeRatio(lines.workersChat, chatting, ['two', 'one'], perCpuSecond('service'), { alsoBeside }),
      ],
      comparisons: [warming, chatting],
    }
  } finally {
    await Promise.all([one, two, ...apart].map(each => each.stop()))
  }
}
