/** `peer` is the XMPP server's own BOSH endpoint, `raw…` its client port. For `floor` and `relay`, see floor.ts. */
export type Kind = 'product' | 'peer' | 'raw' | 'raw-tls' | 'raw-tls-nudged' | 'floor' | 'relay'

export interface Target {
  readonly kind: Kind
  readonly port: number
  /** Ports of separate processes, which replace `port`. */
  readonly apart?: readonly number[]
  readonly warmPort?: number
  /** Default: 127.0.0.1. */
  readonly host?: string
  readonly over?: 'websocket'
  readonly caFile?: string
}

export type Processes = Readonly<Record<string, number | readonly number[]>>

export interface Work {
  readonly part: 'warm' | 'chat' | 'pace' | 'hold' | 'rest'
  readonly target: Target
  /** Prefix of account names. Default: `user`. */
  readonly prefix?: string
  readonly users: number
  /** Number of calls for `warm`, otherwise seconds. */
  readonly amount: number
  /** Logins at a time for `warm`. Default: 10. */
  readonly atOnce?: number
  /** Sends a new poll before each message, as the page of a slow user does. */
  readonly pollFirst?: boolean
  readonly warmsPerSecond?: number
  readonly sessions?: number
  readonly secondsPerMessage?: number
  readonly pids: Processes
}

export interface Figures {
  readonly operations: number
  readonly perSecond: number
  readonly p50Milliseconds: number
  readonly p99Milliseconds: number
  readonly cpuMicroseconds: Readonly<Record<string, number>>
  readonly lost?: number
}

export type Outcome = { readonly figures: Figures } | { readonly failure: string }

export const domain = 'localhost'
export const admin = 'bench:bench'
export const adminHeader = `Basic ${Buffer.from(admin).toString('base64')}`
