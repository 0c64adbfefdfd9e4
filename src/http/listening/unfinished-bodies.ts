import type { Config } from '../../config/config.js'
import { clientOf } from '../../lib/client-network.js'
import { KeyCounts } from '../../lib/limits/key-counts.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'

/** A client's part of the limit. */
const share = 1 / 8
/** In bytes, whatever the limit: the longest body. */
const leastShare = 2 ** 20

export interface UnfinishedParts {
  readonly limits: Pick<Config['limits'], 'unfinishedMegabytes'>
  /** They forward the bodies of many clients. */
  readonly trustedProxies: Pick<Config['trustedProxies'], 'hasProxy'>
  readonly refused: OnRefused
}

export class UnfinishedBodies {
  bytes = 0
  readonly #parts: UnfinishedParts
  readonly #most: number
  readonly #ofClient = new KeyCounts()

  constructor(parts: UnfinishedParts) {
    this.#parts = parts
    this.#most = parts.limits.unfinishedMegabytes * 2 ** 20 || Number.POSITIVE_INFINITY
  }

  /** For a message that the caller keeps. */
  ofMessage(address: string): UnfinishedMessage {
    return new UnfinishedMessage(this, this.#clientAt(address))
  }

  /** `length` is in bytes, if known. */
  begin(address: string, length = Number.POSITIVE_INFINITY): UnfinishedBody {
    return new UnfinishedBody(this, this.#clientAt(address), length)
  }

  /** Undefined for a trusted proxy. */
  #clientAt(address: string): string | undefined {
    return this.#parts.trustedProxies.hasProxy(address) ? undefined : clientOf(address)
  }

  /** False if there is no room. */
  take(client: string | undefined, bytes: number): boolean {
    const ofClient = client === undefined ? 0 : this.#ofClient.of(client)
    if (this.bytes + bytes <= this.#most && ofClient + bytes <= Math.max(this.#most * share, leastShare)) {
      this.count(client, bytes)
      return true
    }
    const isOfClient = this.bytes + bytes <= this.#most
    this.#parts.refused('unfinished', isOfClient ? { address: client } : undefined)
    return false
  }

  /** Without a limit. May be negative. */
  count(client: string | undefined, bytes: number): void {
    this.bytes += bytes
    if (client !== undefined) this.#ofClient.add(client, bytes)
  }
}

export class UnfinishedBody {
  readonly #all: UnfinishedBodies
  readonly #client: string | undefined
  readonly #length: number
  // Pieces of one byte would take hundreds of bytes each.
  #room: Buffer = Buffer.alloc(0)
  #counted = 0
  #size = 0

  constructor(all: UnfinishedBodies, client: string | undefined, length: number) {
    this.#all = all
    this.#client = client
    this.#length = length
  }

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#size)
  }

  /** False, with nothing added, if there is no room. */
  add(piece: Buffer): boolean {
    const size = this.#size + piece.length
    if (size > this.#room.length) {
      const length = Math.max(size, Math.min(this.#length, 2 * this.#room.length))
      if (!this.#all.take(this.#client, length - this.#counted)) return false
      this.#counted = length
      const room = Buffer.allocUnsafeSlow(length)
      this.#room.copy(room, 0, 0, this.#size)
      this.#room = room
    }
    piece.copy(this.#room, this.#size)
    this.#size = size
    return true
  }

  /** Frees the room. May be called again. */
  end(): void {
    this.#all.count(this.#client, -this.#counted)
    this.#counted = 0
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

  /** Sets its size in bytes. False if there is no room. */
  is(bytes: number): boolean {
    const more = bytes - this.#bytes
    if (more > 0 && !this.#all.take(this.#client, more)) return false
    if (more < 0) this.#all.count(this.#client, more)
    this.#bytes = bytes
    return true
  }
}
