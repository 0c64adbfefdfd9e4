export interface Message {
  /** A JSON value. */
  readonly head: unknown
  /** In UTF-8. */
  readonly body: Buffer
}

export type ExchangeEnd =
  | 'done'
  | 'cancelled'
  /** The other process and its sessions are gone. */
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
  /** A host, or a worker of a host: `web1`, `web1 worker 2`. */
  readonly place: string
  readonly version: string
  /** Settings that should be equal in all processes, as text or hash. No secrets. */
  readonly settings: Readonly<Record<string, string>>
}

export interface Nodes {
  readonly self: string
  /** Own name, then adopted names, newest first. */
  readonly names: readonly string[]
  /**
   * Answers for these names too, at most 64. A process keeps its name until it hands over or is gone.
   * The name `''` is for sids without a name.
   */
  adopt(names: readonly string[]): void
  /** An heir answers for all names from now on. The process must end within 10 s. */
  handOver(): void
  readonly isLeaving: boolean
  /** The process that answers: this process, the named process, or an heir. */
  owner(name: string): string | undefined
  /** Unknown names are awaited only in the first 10 s after a start. */
  isAwaited(name: string): boolean
  /**
   * Calls back with the owner. Calls back with `undefined` after 10 s, if the name is not awaited, or if too many bytes
   * wait. `bytes`: memory of the caller's request. The returned function ends the wait.
   */
  whenOwned(name: string, bytes: number, then: (owner: string | undefined) => void): () => void
  /** Names that were handed over and have no heir yet. */
  readonly awaited: readonly string[]
  /** Sorted by name. */
  readonly others: readonly Node[]
  /** Processes that were silent for 10 s, until each returns or is certainly gone. */
  readonly lost: readonly string[]
  readonly isClosed: boolean
  has(node: string): boolean
  readonly areUp: boolean
  readonly exchanges: number
  open(node: string, kind: string, head: unknown, body: string | Buffer, events: ExchangeEvents): Exchange
  accept(kind: string, accept: (message: Message, exchange: Exchange) => ExchangeEvents): void
  /** Rejects with the other side's `Problem`, or with `NoAnswer` after the time limit (1,000 ms by default). */
  ask(node: string, kind: string, question: unknown, milliseconds?: number): Promise<unknown>
  answer(kind: string, answer: (question: never, from: string) => unknown): void
  onChange(listener: () => void): void
  drain(): void
  /** `returns`: calls `handOver` first, unless it was called before. */
  close(how?: { readonly returns?: boolean }): Promise<void>
}

/** The process is gone, the carrier lost the question, or the answer is late. */
export class NoAnswer extends Error {
  constructor(
    readonly node: string,
    readonly reason: 'gone' | 'broken' | 'late',
  ) {
    super(`no answer from ${node}: ${reason}`)
  }
}
