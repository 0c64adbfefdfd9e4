import { copyOf } from '../xml/copy-of.js'
import { StreamFeatures } from './stream-features.js'

/** How many streams a login opens: one to log in on, one to bind a resource on. */
const streams = 2

/**
 * What one login foresees of its server's features, so as to go ahead of them (XEP-0305 §3), and what they really are.
 * The login alone tells it what happens.
 */
export class Pipelining {
  /** Whether this server has coped with that before. */
  readonly isProven: boolean
  /** Whether the server has offered anything else than was foreseen, or a login cannot go by what was. */
  isMistaken = false
  readonly #foreseen: readonly StreamFeatures[]
  readonly #seen: StreamFeatures[] = []
  #stream = -1
  /** Whether the login went ahead on this stream. */
  #wentAhead = false
  #isAhead = false

  /** `foreseen` are the features of the login's streams in their order, none where nothing is known. */
  constructor(foreseen: readonly StreamFeatures[] = [], isProven = false) {
    this.#foreseen = foreseen
    this.isProven = isProven
  }

  /** The features of the streams that have been opened. */
  get seen(): readonly StreamFeatures[] {
    return this.#seen
  }

  /** Whether the features of all its streams have come. */
  get isComplete(): boolean {
    return this.#seen.length >= streams
  }

  /** Whether anything was foreseen. */
  get wasPossible(): boolean {
    return this.#foreseen.length > 0
  }

  /** Whether the server was told something before its features came, and has not answered that yet. */
  get isAhead(): boolean {
    return this.#isAhead
  }

  /** Whether a login that fails now may have failed because it went ahead. */
  get isToBlame(): boolean {
    return this.#isAhead && (this.isMistaken || !this.isProven)
  }

  /** The login opens its next stream. Tells how the link is to open it. */
  nextStream(): 'trial' | 'proven' | undefined {
    this.#stream += 1
    this.#wentAhead = false
    if (this.#foreseen[this.#stream] === undefined) return undefined
    return this.isProven ? 'proven' : 'trial'
  }

  /** The link has opened the stream ahead of the server. Tells which features the login is to go by. */
  goAhead(): StreamFeatures {
    this.#wentAhead = true
    this.#isAhead = true
    return this.#foreseen[this.#stream]!
  }

  /** The stream's features have come. Those that are foreseen to the letter are the same object. */
  came(text: string): StreamFeatures {
    const foreseen = this.#foreseen[this.#stream]
    const isForeseen = foreseen?.text === text
    if (this.#wentAhead && !isForeseen) this.isMistaken = true
    // What is remembered must not keep in memory all that was read together with it.
    const features = isForeseen ? foreseen : new StreamFeatures(copyOf(text))
    this.#seen.push(features)
    return features
  }

  /** The server has reacted to what it was told. */
  answered(): void {
    this.#isAhead = false
  }
}
