import { dataMessages, type NatsMessage } from './nats-wire.js'

const uint32 = 2 ** 32

/** What a message of the other process means for this one. */
export type Reading =
  /** The next piece of the stream. */
  | 'next'
  /** Of a stream that is over on this side; the other should be told which one there is. */
  | 'stale'
  /** Something is missing: the stream is over, and a new one has begun on this side. */
  | 'gap'

/**
 * What two processes say to each other over NATS, as one of them knows it. NATS may lose messages, such as while one of them
 * has no connection to it. Pieces are counted, and a loss ends the stream in both directions: the next one has the next
 * number, the same for both whichever of them begins it, and begins with whole frames.
 */
export class NatsLink {
  readonly name: string
  /** Where the other process hears this one, and this one hears what comes of it. */
  readonly subject: string
  readonly reply: string
  /** Whether it is known to the layer above; the link stays for a while when it is not any more. */
  isJoined = false
  /** Whether anything has come of it since this process has its connection to NATS. */
  isHeard = false
  /** NATS has had no subscriber for it: it is asked for again after a while, and after that it is gone. */
  doubt: 'none' | 'waiting' | 'confirming' = 'none'
  /** Whether something was to be sent while there was no connection. */
  hasDropped = false
  /** When the other was last told which stream there is, in milliseconds of the clock. */
  toldAt = Number.NEGATIVE_INFINITY
  /** How many bytes have left that NATS has not confirmed: those before it was last asked, and those after. */
  asked = 0
  sinceAsked = 0
  #stream = 0
  /** The numbers of the next piece that is sent, and of the one that is to come. */
  #next = 0
  #expected = 0
  #waiting: Buffer[] = []
  #waitingBytes = 0

  constructor(name: string, subject: string, reply: string) {
    this.name = name
    this.subject = subject
    this.reply = reply
  }

  /** Something of the other process has come. */
  heard(): void {
    this.isHeard = true
    this.doubt = 'none'
  }

  get stream(): number {
    return this.#stream
  }

  /** Whether anything was sent in this stream, or waits for that. */
  get hasSent(): boolean {
    return this.#next > 0 || this.#waitingBytes > 0
  }

  /** How many bytes wait for the end of the turn. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  get backlog(): number {
    return this.#waitingBytes + this.asked + this.sinceAsked
  }

  /** Puts bytes off until `takeMessages`; returns whether they are the first. */
  wait(bytes: Buffer): boolean {
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    return this.#waiting.length === 1
  }

  /** The messages that what waits leaves in. */
  takeMessages(longest: number): Buffer[] {
    const messages = dataMessages(this.#stream, this.#next, this.#waiting, this.#waitingBytes, longest)
    this.#next = (this.#next + messages.length) % uint32
    this.#waiting = []
    this.#waitingBytes = 0
    return messages
  }

  /** Ends the stream on this side, and begins the next one. */
  restart(stream = (this.#stream + 1) % uint32): void {
    this.#stream = stream
    this.#next = 0
    this.#expected = 0
    this.#waiting = []
    this.#waitingBytes = 0
    this.hasDropped = false
  }

  /** Whether the other side has begun a later stream than is known here. */
  isLater(stream: number): boolean {
    const ahead = (stream - this.#stream + uint32) % uint32
    return ahead !== 0 && ahead < uint32 / 2
  }

  /** Whether nothing has been said in this stream: then nothing of it can be lost. */
  get isNew(): boolean {
    return !this.hasSent && this.#expected === 0
  }

  /** Reads a piece of the stream that there is on this side. */
  read({ stream, piece }: Extract<NatsMessage, { kind: 'data' }>): Reading {
    if (stream !== this.#stream) return 'stale'
    if (piece !== this.#expected) return 'gap'
    this.#expected = (this.#expected + 1) % uint32
    return 'next'
  }
}
