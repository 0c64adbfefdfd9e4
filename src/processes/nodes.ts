// The seam between the processes of one service. Types, and an error.

/** What one process says to another in an exchange. */
export interface Message {
  /** What has to be known to read the rest; anything that JSON can say. */
  readonly head: unknown
  /** Text in UTF-8. */
  readonly body: Buffer
}

/** How an exchange has ended, as one side hears it. */
export type ExchangeEnd =
  /** The other side has said all that it has to say. */
  | 'done'
  /** The other side has given it up. */
  | 'cancelled'
  /** The process of the other side is gone, and with it all that it had. */
  | 'gone'
  /** Something that was said may be lost; the process may still be there. */
  | 'broken'

/** Something that two processes have to say to each other about one thing. */
export interface Exchange {
  readonly node: string
  /** Nothing that is said after the end is sent. */
  send(head: unknown, body?: string | Buffer): void
  /** The last words of this side, and of the exchange. */
  end(head?: unknown, body?: string | Buffer): void
  /** Gives it up; the other side hears of it. */
  cancel(): void
  /** Whether so much of what was sent has not been taken on the other side that no more should be. */
  readonly isBehind: boolean
  /** So many bytes of bodies that came have been taken: the other side may send that much more. */
  took(bytes: number): void
}

export interface ExchangeEvents {
  onMessage(message: Message): void
  /** More may be sent, after `isBehind` was true. */
  onDrain?(): void
  /** Called once, and nothing after it; not for what this side has ended itself. */
  onEnd(how: ExchangeEnd): void
}

/** Another process of the service. */
export interface Node {
  readonly name: string
  /** Nothing has been heard of it for some seconds. */
  readonly isSilent: boolean
  /** It takes no new sessions any more. */
  readonly isDraining: boolean
  /** What it says of itself; undefined until it has. */
  readonly about: AboutNode | undefined
}

/** What a process says of itself to the others. */
export interface AboutNode {
  /** Where it runs, such as `web1`, or `web1 worker 2`. */
  readonly place: string
  readonly version: string
  /** Settings that all processes should have in common, each as text or a hash of it; no secrets. */
  readonly settings: Readonly<Record<string, string>>
}

/** The processes of one service, seen from one of them. */
export interface Nodes {
  /** The name of this process. */
  readonly self: string
  /** All others that are not gone, in the order of their names. */
  readonly others: readonly Node[]
  /** The names of those that have said nothing for so long that they count as gone, until they are heard or are certainly gone. */
  readonly lost: readonly string[]
  /** Whether this process has taken its leave. */
  readonly isClosed: boolean
  /** Whether there is another process of this name. */
  has(node: string): boolean
  /** Whether everything that carries to others does so at the moment. */
  readonly areUp: boolean
  /** How many exchanges are open, begun here or by others. */
  readonly exchanges: number
  /**
   * Begins an exchange; where there is no such process it ends as `gone` at once, and as `broken` where too much waits for it
   * already.
   */
  open(node: string, kind: string, head: unknown, body: string | Buffer, events: ExchangeEvents): Exchange
  /** Says how exchanges of a kind are met that others begin. */
  meet(kind: string, meet: (message: Message, exchange: Exchange) => ExchangeEvents): void
  /**
   * Asks one question, whose answer may take so many milliseconds, a second unless said otherwise. Rejects with the `Problem`
   * that the other process has answered with, or a `NoAnswer`.
   */
  ask(node: string, kind: string, question: unknown, milliseconds?: number): Promise<unknown>
  /** Says what answers the questions of a kind. */
  answer(kind: string, answer: (question: never, from: string) => unknown): void
  /** Calls back whenever a process has come, is gone, or begins to drain. */
  onChange(listener: () => void): void
  /** Tells the others that this process takes no new sessions any more. */
  drain(): void
  /** Takes its leave of the others, and lets go of them. */
  close(): Promise<void>
}

/** Why a question has no answer: the process is gone, the carrier has lost it, or it was not there in time. */
export class NoAnswer extends Error {
  constructor(
    readonly node: string,
    readonly reason: 'gone' | 'broken' | 'late',
  ) {
    super(`no answer from ${node}: ${reason}`)
  }
}
