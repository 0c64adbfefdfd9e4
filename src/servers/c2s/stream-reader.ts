import type { WaitingMemory } from '../../lib/limits/waiting-memory.js'
import { type Sink, Splitter } from '../../xmpp/xml/splitter.js'
import { streamLimits, withoutSpace } from './stream-header.js'

export class StreamReader {
  readonly #sink: Sink
  readonly #waiting: WaitingMemory
  #splitter: Splitter | undefined
  unfinishedBytes = 0
  hasBegun = false

  constructor(sink: Sink, waiting: WaitingMemory) {
    this.#sink = sink
    this.#waiting = waiting
  }

  get isBetweenElements(): boolean {
    return this.#splitter?.isBetweenElements === true
  }

  begin(): void {
    this.stop()
    this.#splitter = new Splitter(this.#sink, streamLimits, { lenient: true })
    this.hasBegun = false
  }

  /** Throws an `XmlError`. */
  write(chunk: Buffer): void {
    // White space before the new stream header belongs to the old stream (RFC 6120 §4.6.1).
    const bytes = this.hasBegun ? chunk : withoutSpace(chunk)
    if (bytes.length > 0) this.hasBegun = true
    try {
      this.#splitter?.write(bytes)
    } finally {
      this.#weigh()
    }
  }

  stop(): void {
    this.#splitter?.stop()
    this.#weigh()
  }

  #weigh(): void {
    const bytes = this.#splitter?.unfinishedBytes ?? 0
    if (bytes === this.unfinishedBytes) return
    this.#waiting.change(bytes - this.unfinishedBytes)
    this.unfinishedBytes = bytes
  }
}
