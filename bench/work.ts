/** `peer`: the XMPP server's BOSH or WebSocket endpoint. `raw…`: its client port. `floor`, `relay`: see floor.ts. */
export type Kind = 'product' | 'peer' | 'raw' | 'raw-tls' | 'floor' | 'relay'

export interface Target {
  readonly kind: Kind
  readonly port: number
  /** Ports of separate processes, used instead of `port` if `part` is `warm`. */
  readonly apart?: readonly number[]
  readonly warmPort?: number
  readonly host?: string
  readonly over?: 'websocket'
  readonly caFile?: string
}

export type Processes = Readonly<Record<string, number | readonly number[]>>

export interface Work {
  readonly part: 'warm' | 'chat' | 'pace' | 'hold' | 'even'
  readonly target: Target
  readonly prefix?: string
  readonly users: number
  /** The number of logins if `part` is `warm`, otherwise seconds. */
  readonly amount: number
  /** The number of concurrent logins if `part` is `warm`. Default: 10. */
  readonly atOnce?: number
  /** Sends a poll before each message, as a page does while its user writes nothing. */
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
