import { dataMessages, type NatsMessage } from './nats-wire.js'

const uint32 = 2 ** 32

type Reading =
  | 'next'
  /** The message is from an ended stream. */
  | 'stale'
  | 'gap'

/** NATS may lose messages. A loss ends the stream in both directions, and starts a new stream. */
export class NatsLink {
  readonly name: string
  readonly subject: string
  readonly reply: string
  isJoined = false
  isHeard = false
  /** `waiting`: NATS has no subscriber for the process. `confirming`: NATS was asked again. */
  absence: 'none' | 'waiting' | 'confirming' = 'none'
  hasDropped = false
  toldAt = Number.NEGATIVE_INFINITY
  /** Bytes that NATS was asked to confirm. */
  bytesAsked = 0
  bytesSinceAsked = 0
  #stream = 0
  #next = 0
  #expected = 0
  #waiting: Buffer[] = []
  #waitingBytes = 0

  constructor(name: string, subject: string, reply: string) {
    this.name = name
    this.subject = subject
    this.reply = reply
  }

  heard(): void {
    this.isHeard = true
    this.absence = 'none'
  }

  get stream(): number {
    return this.#stream
  }

  get hasSent(): boolean {
    return this.#next > 0 || this.#waitingBytes > 0
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  get backlog(): number {
    return this.#waitingBytes + this.bytesAsked + this.bytesSinceAsked
  }

  wait(bytes: Buffer): void {
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
  }

  takeMessages(longest: number): Buffer[] {
    const messages = dataMessages(this.#stream, this.#next, this.#waiting, this.#waitingBytes, longest)
    this.#next = (this.#next + messages.length) % uint32
    this.#waiting = []
    this.#waitingBytes = 0
    return messages
  }

  restart(stream = (this.#stream + 1) % uint32): void {
    this.#stream = stream
    this.#next = 0
    this.#expected = 0
    this.#waiting = []
    this.#waitingBytes = 0
    this.hasDropped = false
  }

  isLater(stream: number): boolean {
    const ahead = (stream - this.#stream + uint32) % uint32
    return ahead !== 0 && ahead < uint32 / 2
  }

  get isNew(): boolean {
    return !this.hasSent && this.#expected === 0
  }

  read({ stream, piece }: Extract<NatsMessage, { kind: 'data' }>): Reading {
    if (stream !== this.#stream) return 'stale'
    if (piece !== this.#expected) return 'gap'
    this.#expected = (this.#expected + 1) % uint32
    return 'next'
  }
}
