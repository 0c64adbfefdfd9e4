import type { Logger } from 'pino'
import type { Config } from '../config/config.js'
import { clientOf } from '../lib/client-network.js'
import type { Clock } from '../lib/clock.js'
import { KeyCounts } from '../lib/key-counts.js'
import { Throttle } from '../lib/throttle.js'

/** Of all that may be kept, the part that one client may have. */
const share = 1 / 8
/** What each client may have in any case, in bytes: the room that is taken for the longest body. */
const leastShare = 2 ** 20

export interface UnfinishedParts {
  readonly limits: Pick<Config['limits'], 'unfinishedMegabytes'>
  /** They pass on the bodies of many clients, and have no limit of their own. */
  readonly trustedProxies: Pick<Config['trustedProxies'], 'contains'>
  readonly clock: Clock
  readonly log: Logger
}

/** Counts the bytes that are kept of bodies whose rest is waited for, in all and of each client. */
export class UnfinishedBodies {
  readonly #parts: UnfinishedParts
  readonly #most: number
  #bytes = 0
  readonly #ofClient = new KeyCounts()
  readonly #warnings: Throttle

  constructor(parts: UnfinishedParts) {
    this.#parts = parts
    this.#warnings = new Throttle(parts.clock)
    this.#most = parts.limits.unfinishedMegabytes * 2 ** 20 || Number.POSITIVE_INFINITY
  }

  /** How many bytes are kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** Begins to keep a body that comes from this address, and has this length if that is known. */
  begin(address: string, length?: number): UnfinishedBody {
    const isProxy = this.#parts.trustedProxies.contains(address)
    return new UnfinishedBody(this, isProxy ? undefined : clientOf(address), length)
  }

  /** Whether so many more may be kept of a client, or of a trusted proxy where that is undefined; if so, they are counted. */
  take(client: string | undefined, bytes: number): boolean {
    const ofClient = client === undefined ? 0 : this.#ofClient.of(client)
    const isTooMuch =
      this.#bytes + bytes > this.#most || ofClient + bytes > Math.max(this.#most * share, leastShare)
    if (isTooMuch) this.#warn()
    else {
      this.#bytes += bytes
      if (client !== undefined) this.#ofClient.add(client, bytes)
    }
    return !isTooMuch
  }

  /** So many bytes are kept no longer, or belong to a body that is complete. */
  giveBack(client: string | undefined, bytes: number): void {
    this.#bytes -= bytes
    if (client !== undefined) this.#ofClient.add(client, -bytes)
  }

  #warn(): void {
    if (!this.#warnings.isDue(undefined)) return
    this.#parts.log.warn(
      'requests are refused: as much has come of others that are not complete as MAX_UNFINISHED_MB says',
    )
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

  constructor(all: UnfinishedBodies, client: string | undefined, length = Number.POSITIVE_INFINITY) {
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
    this.#all.giveBack(this.#client, this.#counted)
    this.#counted = 0
  }
}
