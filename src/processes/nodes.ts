export interface Message {
  /** A JSON value. */
  readonly head: unknown
  /** In UTF-8. */
  readonly body: Buffer
}

export type ExchangeEnd =
  | 'done'
  | 'cancelled'
  /** The other process is gone, or silent for 10 s. Its sessions count as lost. */
  | 'gone'
  /** Messages may be lost. The other process may still exist. */
  | 'broken'

export interface Exchange {
  readonly node: string
  send(head: unknown, body?: string | Buffer): void
  end(head?: unknown, body?: string | Buffer): void
  cancel(): void
  readonly isBehind: boolean
  /** Allows the other side to send this many more bytes. */
  took(bytes: number): void
}

export interface ExchangeEvents {
  onMessage(message: Message): void
  onDrain?(): void
  /** Called once, as the last event. Not called after `end` or `cancel` of this side. */
  onEnd(how: ExchangeEnd): void
}

export interface Node {
  readonly name: string
  readonly isSilent: boolean
  readonly isDraining: boolean
  readonly about: AboutNode | undefined
}

export interface AboutNode {
  /** For example `web1`, or `web1, worker 2`. */
  readonly place: string
  readonly version: string
  /** Hashes of settings that should be equal in all processes. */
  readonly settings: Readonly<Record<string, string>>
}

export interface Nodes {
  readonly self: string
  /** Own name, then adopted names, newest first. */
  readonly names: readonly string[]
  /**
   * This process also answers for these names (at most 64) once their processes hand over or are gone. `''` is for sids
   * without a name.
   */
  adopt(names: readonly string[]): void
  /** After this call, only an heir answers for the names. This process must end soon. */
  leave(): void
  readonly isLeaving: boolean
  /** The process that answers for the name: the named process or its heir. */
  owner(name: string): string | undefined
  /** True if an heir may still adopt the name. With `awaitsHeirs`, every name counts for 10 s after a start. */
  isAwaited(name: string): boolean
  /**
   * Calls `then` with the owner, or with `undefined` if no heir comes in time, or too many bytes wait.
   * `bytes`: memory of the caller's request. The returned function ends the wait.
   */
  whenOwned(name: string, bytes: number, then: (owner: string | undefined) => void): () => void
  /** Names that a process hands over, and whose heir has not announced itself yet. */
  readonly awaited: readonly string[]
  readonly others: readonly Node[]
  /** Processes that have been silent for 10 s, but may return. */
  readonly lost: readonly string[]
  readonly isClosed: boolean
  has(node: string): boolean
  readonly areUp: boolean
  readonly exchanges: number
  open(node: string, kind: string, head: unknown, body: string | Buffer, events: ExchangeEvents): Exchange
  accept(kind: string, accept: (message: Message, exchange: Exchange) => ExchangeEvents): void
  /** Rejects with the other side's `Problem`, or with `NoAnswer`. Default time limit: 1,000 ms. */
  ask(node: string, kind: string, question: unknown, milliseconds?: number): Promise<unknown>
  answer(kind: string, answer: (question: never, from: string) => unknown): void
  onChange(listener: () => void): void
  drain(): void
  close(): Promise<void>
}

/** What pages about all processes need. */
export type OtherProcesses = Pick<Nodes, 'self' | 'others' | 'lost' | 'awaited' | 'ask' | 'answer'>

export class NoAnswer extends Error {
  constructor(
    readonly node: string,
    readonly reason: 'gone' | 'broken' | 'late',
  ) {
    super(`no answer from ${node}: ${reason}`)
  }
}
