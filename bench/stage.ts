import type { Prosody } from '../test/support/prosody.js'
import { type Rounds, summary } from './comparison.js'
import type { LoadClient, Started } from './processes.js'
import type { Figures, Processes, Target, Work } from './work.js'

export const fullSizes = {
  rounds: 5,
  /** Not measured: in these rounds, V8 compiles the code, and each password is salted for the first time. */
  warmUpRounds: 14,
  ...{ chatWarmUpRounds: 4, warms: 400, freshUsers: 100, singleWarms: 60 },
  ...{ chatSessions: 50, chatSeconds: 2, mixedSeconds: 3 },
  ...{ paceSessions: 200, paceSeconds: 20 },
  ...{ heldSessions: [1_000, 6_000] as readonly [number, number], restMilliseconds: 10_000 },
}

export type Sizes = typeof fullSizes

export const quickSizes: Sizes = {
  ...{ rounds: 1, warmUpRounds: 1, chatWarmUpRounds: 4 },
  ...{ warms: 60, freshUsers: 20, singleWarms: 10 },
  ...{ chatSessions: 10, chatSeconds: 0.5, mixedSeconds: 1 },
  ...{ paceSessions: 20, paceSeconds: 6 },
  ...{ heldSessions: [50, 150], restMilliseconds: 500 },
}

export const users = 200

export interface Stage {
  readonly sizes: Sizes
  /** Of the command line, for `scale` and `storm`. */
  readonly sessions: number | undefined
  readonly prosody: Prosody
  readonly load: LoadClient
}

export type Load = Omit<Work, 'pids' | 'target'>

export interface Contender {
  readonly label: string
  run(load: Load): Promise<Figures>
}

export const withoutProsody = ({ load }: Stage, label: string, target: Target, pids: Processes): Contender => ({
  label,
  run: work => load.run({ ...work, target, pids: { ...pids, client: load.pid } }),
})

/** Restarts Prosody, because in 0.12 logins take three times as long after a few thousand logins. */
export const withFreshProsody = (stage: Stage, label: string, target: Target, pids: Processes = {}): Contender => ({
  label,
  run: async work => {
    await stage.prosody.restart()
    return withoutProsody(stage, label, target, { ...pids, Prosody: stage.prosody.pid }).run(work)
  },
})

export const product = ({ pid, port }: Started, over: Pick<Target, 'over'> = {}) =>
  ['the service', { kind: 'product', port, ...over }, { service: pid }] as const

export async function warmUp(contenders: object, load: Load, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++)
    for (const contender of Object.values(contenders) as Contender[]) await contender.run(load)
}

export async function compare<Key extends string>(
  { sizes }: Stage,
  title: string,
  contenders: Readonly<Record<Key, Contender>>,
  load: Load | ((round: number) => Load),
): Promise<Rounds<Key>> {
  const keys = Object.keys(contenders) as Key[]
  const figures = Object.fromEntries(keys.map(key => [key, [] as Figures[]])) as Record<Key, Figures[]>
  const loadOf = typeof load === 'function' ? load : () => load
  for (let round = 0; round < sizes.rounds; round++)
    for (const key of round % 2 === 0 ? keys : keys.toReversed())
      figures[key].push(await contenders[key].run(loadOf(round)))
  console.log(`\n${title}`)
  for (const key of keys) console.log(summary(contenders[key].label, figures[key]))
  return figures
}

export const warmLoad = ({ warms }: Sizes): Load => ({ part: 'warm', users, amount: warms })

export const chatLoad = ({ chatSessions, chatSeconds }: Sizes, about: Partial<Load> = {}): Load => ({
  ...{ part: 'chat', users: chatSessions, amount: chatSeconds, pollFirst: true },
  ...about,
})

export const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)

export const accountsOf = (of: readonly string[]): Record<string, string> =>
  Object.fromEntries(of.map(name => [name, name]))

export const freshPrefix = (round: number) => `fresh${round}x`
