// What the parts of the benchmark share: how long they take, a Prosody, and a load client.
import type { Prosody } from '../test/support/prosody.js'
import type { LoadClient } from './processes.js'
import type { Figures, Processes, Work } from './work.js'

/** How much is done for each figure. */
export interface Sizes {
  /** Rounds that count. */
  readonly rounds: number
  /** The same where processes are compared that share the cores: which of them runs where differs from round to round. */
  readonly sharingRounds: number
  /** Rounds before them that do not: by then Node has compiled what runs often, and passwords are remembered. */
  readonly warmUpRounds: number
  /** Warms in a round; all of them are open at its end. */
  readonly warms: number
  /** Users of a round that were never seen before. */
  readonly freshUsers: number
  /** Warms in a round that are made one after the other. */
  readonly singleWarms: number
  readonly chatSessions: number
  readonly chatSeconds: number
  readonly mixedSeconds: number
  /** Numbers of held sessions to weigh the service at. */
  readonly idleSessions: readonly [number, number]
  readonly restMilliseconds: number
  readonly soakSessions: number
  /** WebSockets that say nothing. */
  readonly pingedSessions: number
  readonly soakSeconds: number
  readonly soakSecondsPerMessage: number
}

export const fullSizes: Sizes = {
  rounds: 5,
  sharingRounds: 11,
  warmUpRounds: 14,
  warms: 400,
  freshUsers: 100,
  singleWarms: 60,
  chatSessions: 50,
  chatSeconds: 2,
  mixedSeconds: 3,
  idleSessions: [1_000, 6_000],
  restMilliseconds: 10_000,
  soakSessions: 10_000,
  pingedSessions: 10_000,
  soakSeconds: 300,
  soakSecondsPerMessage: 60,
}

/** Enough to see that everything runs. */
export const quickSizes: Sizes = {
  rounds: 1,
  sharingRounds: 1,
  warmUpRounds: 1,
  warms: 60,
  freshUsers: 20,
  singleWarms: 10,
  chatSessions: 10,
  chatSeconds: 0.5,
  mixedSeconds: 1,
  idleSessions: [50, 150],
  restMilliseconds: 500,
  soakSessions: 200,
  pingedSessions: 200,
  soakSeconds: 10,
  soakSecondsPerMessage: 5,
}

/** Accounts that take part in turn. */
export const users = 200

export interface Stage {
  readonly sizes: Sizes
  readonly prosody: Prosody
  readonly load: LoadClient
  readonly log: (text: string) => void
}

/** One round's work without the processes to measure, which change with every restart. */
export type Round = Omit<Work, 'pids'>

/**
 * Runs a round. Prosody 0.12 on Lua 5.4 takes three times as long for a login after a few thousand of them, and for a
 * message too: each round has a fresh one, or the first target would win.
 */
export async function runFresh(
  { prosody, load }: Stage,
  round: Round,
  pids: Processes,
  about?: Parameters<LoadClient['run']>[1],
): Promise<Figures> {
  await prosody.restart()
  return load.run({ ...round, pids: { ...pids, Prosody: prosody.pid, client: load.pid } }, about)
}

export function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`)
}

/** The names of the accounts, which are their passwords as well. */
export function accounts({ rounds, freshUsers }: Sizes): Record<string, string> {
  const fresh = Array.from({ length: rounds }, (_, round) => names(freshPrefix(round), freshUsers)).flat()
  return Object.fromEntries([...names('user', users), ...fresh].map(name => [name, name]))
}

export const freshPrefix = (round: number) => `fresh${round}x`
