import type { Config } from '../../config/config.js'
import { clientOf } from '../../lib/client-network.js'
import { KeyCounts } from '../../lib/limits/key-counts.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'

/** Of all that may be kept, the part that one client may have. */
const share = 1 / 8
/** What each client may have in any case, in bytes: the room that is taken for the longest body. */
const leastShare = 2 ** 20

export interface UnfinishedParts {
  readonly limits: Pick<Config['limits'], 'unfinishedMegabytes'>
  /** They pass on the bodies of many clients, and have no limit of their own. */
  readonly trustedProxies: Pick<Config['trustedProxies'], 'hasProxy'>
  readonly refused: OnRefused
}

/** Counts the bytes that are kept of bodies whose rest is waited for, in all and of each client. */
export class UnfinishedBodies {
  /** How many bytes are kept. */
  bytes = 0
  readonly #parts: UnfinishedParts
  readonly #most: number
  readonly #ofClient = new KeyCounts()

  constructor(parts: UnfinishedParts) {
    this.#parts = parts
    this.#most = parts.limits.unfinishedMegabytes * 2 ** 20 || Number.POSITIVE_INFINITY
  }

  /** Begins to count what others keep of a message that comes from this address. */
  ofMessage(address: string): UnfinishedMessage {
    return new UnfinishedMessage(this, this.#clientAt(address))
  }

  /** Begins to keep a body that comes from this address, and has this length if that is known. */
  begin(address: string, length = Number.POSITIVE_INFINITY): UnfinishedBody {
    return new UnfinishedBody(this, this.#clientAt(address), length)
  }

  /** Undefined where it is a trusted proxy. */
  #clientAt(address: string): string | undefined {
    return this.#parts.trustedProxies.hasProxy(address) ? undefined : clientOf(address)
  }

  /** Counts so many more bytes of a client, or of a trusted proxy where that is undefined; false if there is no room. */
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

  /** The same whether there is room or not; a negative number is of those that are not kept any longer. */
  count(client: string | undefined, bytes: number): void {
    this.bytes += bytes
    if (client !== undefined) this.#ofClient.add(client, bytes)
  }
}

/** A body of which a part has come. */
export class UnfinishedBody {
  readonly #all: UnfinishedBodies
  readonly #client: string | undefined
  readonly #length: number
  // Kept as they come, pieces of one byte each would take hundreds of bytes each.
  #room: Buffer = Buffer.alloc(0)
  #counted = 0
  #size = 0

  constructor(all: UnfinishedBodies, client: string | undefined, length: number) {
    this.#all = all
    this.#client = client
    this.#length = length
  }

  /** What has come of it so far. */
  get bytes(): Buffer {
    return this.#room.subarray(0, this.#size)
  }

  /** Adds a piece; false, with nothing added, where there is no room for it. */
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

  /** The rest of it is not waited for any more; may be called again. */
  end(): void {
    this.#all.count(this.#client, -this.#counted)
    this.#counted = 0
  }
}

/** How much others keep of a message of which a part has come. */
export class UnfinishedMessage {
  readonly #all: UnfinishedBodies
  readonly #client: string | undefined
  #bytes = 0

  constructor(all: UnfinishedBodies, client: string | undefined) {
    this.#all = all
    this.#client = client
  }

  /** It is so many bytes now. False where there is no room for more. */
  is(bytes: number): boolean {
    const more = bytes - this.#bytes
    if (more > 0 && !this.#all.take(this.#client, more)) return false
    if (more < 0) this.#all.count(this.#client, more)
    this.#bytes = bytes
    return true
  }
}
