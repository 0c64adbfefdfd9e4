// What the processes of the benchmark say to each other. Types only.

/**
 * Whom a load is put on: `product` is the service, `peer` the XMPP server's own BOSH endpoint; `raw`, `raw-tls` and
 * `raw-tls-nudged` are its bare client port; `floor` is the least that Node can do, and `relay` the least that has
 * the same to read and to write (`floor.ts`).
 */
export type Kind = 'product' | 'peer' | 'raw' | 'raw-tls' | 'raw-tls-nudged' | 'floor' | 'relay'

export interface Target {
  readonly kind: Kind
  readonly port: number
  /** Ports of several processes that know nothing of each other, in place of the one: sessions are spread over them. */
  readonly apart?: readonly number[]
  /** Where sessions are warmed, if that is another process of the service. */
  readonly warmPort?: number
  /** BOSH unless it says another. */
  readonly over?: 'websocket'
  /** PEM file with the certificate to trust; for the kinds with TLS. */
  readonly caFile?: string
}

/** The processes to measure, by name; where there are several of one name, they are measured together. */
export type Processes = Readonly<Record<string, number | readonly number[]>>

/**
 * One round to run: `warm` opens and ends sessions, `chat` exchanges messages, `pace` warms at an even rate, `hold`
 * keeps many sessions waiting that hardly say anything, `rest` many WebSockets that say nothing. All processes in `pids` are measured by name.
 */
export interface Work {
  readonly part: 'warm' | 'chat' | 'pace' | 'hold' | 'rest'
  readonly target: Target
  /** Name of the accounts, a number from 0 is appended; the password is the whole name. */
  readonly prefix: string
  readonly users: number
  /** Warms in all, or seconds. */
  readonly amount: number
  /** `warm` only: logins on their way at a time; 10 unless it says another. */
  readonly atOnce?: number
  /** `chat` only: a new poll goes out before each message, as when people type slowly. */
  readonly pollFirst?: boolean
  /** `pace` only. */
  readonly warmsPerSecond?: number
  /** `hold` and `rest`: how many sessions; `hold` only: how often each sends a message, and how many pause in between instead of waiting. */
  readonly sessions?: number
  readonly secondsPerMessage?: number
  readonly pausing?: number
  readonly pids: Processes
}

/** What a round showed. */
export interface Figures {
  readonly operations: number
  readonly perSecond: number
  readonly p50Milliseconds: number
  readonly p99Milliseconds: number
  /** CPU time per operation in microseconds, by process. */
  readonly cpuMicroseconds: Readonly<Record<string, number>>
  /** `hold` only: sessions that ended, and messages that did not arrive. */
  readonly lost?: number
}

export type Outcome = { readonly figures: Figures } | { readonly failure: string }

/** What every account and the caller of the warm API are called. */
export const domain = 'localhost'
export const admin = 'bench:bench'
