import type { Config } from '../../config/config.js'
import { countedClientOf } from '../../lib/client-network.js'
import { KeyCounts } from '../../lib/limits/key-counts.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'

const share = 1 / 8
/** In bytes. Enough for the longest body if MAX_STANZA_BYTES has its default. */
const leastShare = 2 ** 21

interface UnfinishedParts {
  /** A trusted proxy's address has no limit, because many clients share it. */
  readonly config: Pick<Config, 'limits' | 'trustedProxies'>
  readonly refused: OnRefused
}

export class UnfinishedBodies {
  bytes = 0
  readonly #parts: UnfinishedParts
  readonly #ofClient = new KeyCounts()

  constructor(parts: UnfinishedParts) {
    this.#parts = parts
  }

  get #most(): number {
    return this.#parts.config.limits.unfinishedMegabytes * 2 ** 20 || Number.POSITIVE_INFINITY
  }

  ofMessage(address: string): UnfinishedMessage {
    const client = countedClientOf(address, this.#parts.config.trustedProxies)
    return new UnfinishedMessage(this, client)
  }

  begin(address: string, length = Number.POSITIVE_INFINITY): UnfinishedBody {
    return new UnfinishedBody(this.ofMessage(address), length)
  }

  /** Returns false, and counts nothing, if there is no room for `more` bytes. */
  count(client: string | undefined, more: number): boolean {
    const isFull = this.bytes + more > this.#most
    const ofClient = client === undefined ? 0 : this.#ofClient.of(client)
    if (more > 0 && (isFull || ofClient + more > Math.max(this.#most * share, leastShare))) {
      this.#parts.refused('unfinished', isFull ? undefined : { address: client })
      return false
    }
    this.bytes += more
    if (client !== undefined) this.#ofClient.add(client, more)
    return true
  }
}

export class UnfinishedMessage {
  readonly #all: UnfinishedBodies
  readonly #client: string | undefined
  #bytes = 0

  constructor(all: UnfinishedBodies, client: string | undefined) {
    this.#all = all
    this.#client = client
  }

  /** Sets the counted size of the message. Returns false, and counts nothing more, if there is no room for it. */
  resize(bytes: number): boolean {
    if (bytes === this.#bytes) return true
    if (!this.#all.count(this.#client, bytes - this.#bytes)) return false
    this.#bytes = bytes
    return true
  }
}

export class UnfinishedBody {
  readonly #message: UnfinishedMessage
  readonly #length: number
  // One buffer for all pieces, because a buffer of one byte would take hundreds of bytes.
  #room: Buffer = Buffer.alloc(0)
  #size = 0

  constructor(message: UnfinishedMessage, length: number) {
    this.#message = message
    this.#length = length
  }

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#size)
  }

  add(piece: Buffer): boolean {
    const size = this.#size + piece.length
    if (size > this.#room.length) {
      const length = Math.max(size, Math.min(this.#length, 2 * this.#room.length))
      if (!this.#message.resize(length)) return false
      const room = Buffer.allocUnsafeSlow(length)
      this.#room.copy(room, 0, 0, this.#size)
      this.#room = room
    }
    piece.copy(this.#room, this.#size)
    this.#size = size
    return true
  }

  end(): void {
    this.#message.resize(0)
  }
}
