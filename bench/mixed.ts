import { type Demand, judgeRounds, p99 } from './comparison.js'
import { lines } from './lines.js'
import { startLoadClient, startService } from './processes.js'
import { chatLoad, compare, type Stage, users, withFreshProsody } from './stage.js'
import type { Target } from './work.js'

const warmsPerSecond = 50
const marginSeconds = 2

export async function measureMixed(stage: Stage): Promise<readonly Demand[]> {
  const { mixedSeconds } = stage.sizes
  await using service = await startService({ c2sPort: stage.prosody.c2sPort })
  // In the same process, reading replies to warms would delay the chats.
  await using warmer = startLoadClient()
  const target: Target = { kind: 'product', port: service.port }
  const pids = { service: service.pid }
  const load = chatLoad(stage.sizes, { amount: mixedSeconds })
  const alone = withFreshProsody(stage, 'round trips alone', target, pids)
  const mixed: typeof alone = {
    label: `beside ${warmsPerSecond} warms a second`,
    run: async work => {
      const { prosody, load: client } = stage
      await prosody.restart()
      const all = { ...pids, Prosody: prosody.pid }
      const pace = {
        part: 'pace',
        target,
        users,
        warmsPerSecond,
        amount: mixedSeconds + marginSeconds,
      } as const
      const warming = warmer.run({ ...pace, pids: { ...all, client: warmer.pid } })
      warming.catch(() => {})
      const figures = await client.run({ ...work, target, pids: { ...all, client: client.pid } })
      await warming
      return figures
    },
  }
  for (let round = 0; round < 2; round++) await mixed.run(load)
  const comparison = await compare(stage, 'Round trips beside warms', { alone, mixed }, load)
  return [judgeRounds(lines.mixed, comparison, ['mixed', 'alone'], p99)]
}
