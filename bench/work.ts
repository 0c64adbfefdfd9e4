/** `peer`: the XMPP server's own BOSH endpoint. `raw…`: its client port. `floor`, `relay`: see floor.ts. */
export type Kind = 'product' | 'peer' | 'raw' | 'raw-tls' | 'raw-tls-nudged' | 'floor' | 'relay'

export interface Target {
  readonly kind: Kind
  readonly port: number
  /** Processes that do not know each other, in place of `port`. */
  readonly apart?: readonly number[]
  readonly warmPort?: number
  readonly over?: 'websocket'
  readonly caFile?: string
}

/** Processes of one name are measured together. */
export type Processes = Readonly<Record<string, number | readonly number[]>>

export interface Work {
  readonly part: 'warm' | 'chat' | 'pace' | 'hold' | 'rest'
  readonly target: Target
  /** Of account names, `user` by default. */
  readonly prefix?: string
  readonly users: number
  /** Warms in all for `warm`, otherwise seconds. */
  readonly amount: number
  /** `warm`: logins at a time, 10 by default. */
  readonly atOnce?: number
  /** A new poll before each message, as when people type slowly. */
  readonly pollFirst?: boolean
  readonly warmsPerSecond?: number
  readonly sessions?: number
  readonly secondsPerMessage?: number
  /** How many sessions pause in place of holding a request. */
  readonly pausing?: number
  readonly pids: Processes
}

export interface Figures {
  readonly operations: number
  readonly perSecond: number
  readonly p50Milliseconds: number
  readonly p99Milliseconds: number
  /** Per operation, by process. */
  readonly cpuMicroseconds: Readonly<Record<string, number>>
  readonly lost?: number
}

export type Outcome = { readonly figures: Figures } | { readonly failure: string }

export const domain = 'localhost'
export const admin = 'bench:bench'
export const adminHeader = `Basic ${Buffer.from(admin).toString('base64')}`
