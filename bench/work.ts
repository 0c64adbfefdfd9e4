// What the processes of the benchmark say to each other. Types only.

/** Whom a load is put on. */
export interface Target {
  /** `product` is the service, `peer` Prosody's own BOSH endpoint, `raw` its bare client port. */
  readonly kind: 'product' | 'peer' | 'raw'
  readonly port: number
}

/** One round to run; all processes in `pids` are measured by name. */
export interface Work {
  readonly part: 'warm' | 'chat'
  readonly target: Target
  /** Name of the accounts, a number from 0 is appended; the password is the whole name. */
  readonly prefix: string
  readonly users: number
  /** Warms in all, or seconds of chat. */
  readonly amount: number
  /** Chat only: a new poll goes out before each message, as when people type slowly. */
  readonly pollFirst?: boolean
  readonly pids: Readonly<Record<string, number>>
}

/** What a round showed. */
export interface Figures {
  readonly operations: number
  readonly perSecond: number
  readonly p50Milliseconds: number
  readonly p99Milliseconds: number
  /** CPU time per operation in microseconds, by process. */
  readonly cpuMicroseconds: Readonly<Record<string, number>>
}

export type Outcome = { readonly figures: Figures } | { readonly failure: string }

/** What every account and the caller of the warm API are called. */
export const domain = 'localhost'
export const admin = 'bench:bench'
