// What the benchmark and its load clients send to each other.

/** `peer` is the XMPP server's own endpoint, the `raw` ones are its client port; see floor.ts for `floor` and `relay`. */
export type Kind = 'product' | 'peer' | 'raw' | 'raw-tls' | 'raw-tls-nudged' | 'floor' | 'relay'

export interface Target {
  readonly kind: Kind
  readonly port: number
  /** Processes that do not know each other: the sessions are spread over these ports in place of `port`. */
  readonly apart?: readonly number[]
  /** Where sessions are warmed, if not at `port`. */
  readonly warmPort?: number
  /** BOSH by default. */
  readonly over?: 'websocket'
  readonly caFile?: string
}

/** Process ids by name; processes of one name are measured together. */
export type Processes = Readonly<Record<string, number | readonly number[]>>

export interface Work {
  readonly part: 'warm' | 'chat' | 'pace' | 'hold' | 'rest'
  readonly target: Target
  /** Of the account names, before a number; default `user`. */
  readonly prefix?: string
  readonly users: number
  /** Warms in all for `warm`, otherwise seconds. */
  readonly amount: number
  /** `warm`: logins at a time; default 10. */
  readonly atOnce?: number
  /** `chat`: a new poll goes out before each message, as when people type slowly. */
  readonly pollFirst?: boolean
  /** `pace`. */
  readonly warmsPerSecond?: number
  /** `hold` and `rest`. */
  readonly sessions?: number
  /** `hold`. */
  readonly secondsPerMessage?: number
  /** `hold`: how many sessions pause between their messages in place of holding a request. */
  readonly pausing?: number
  readonly pids: Processes
}

export interface Figures {
  readonly operations: number
  readonly perSecond: number
  readonly p50Milliseconds: number
  readonly p99Milliseconds: number
  /** CPU time per operation in microseconds, by process. */
  readonly cpuMicroseconds: Readonly<Record<string, number>>
  /** `hold` and `rest`: sessions that ended, and messages that did not arrive. */
  readonly lost?: number
}

export type Outcome = { readonly figures: Figures } | { readonly failure: string }

export const domain = 'localhost'
export const admin = 'bench:bench'
export const adminHeader = `Basic ${Buffer.from(admin).toString('base64')}`
