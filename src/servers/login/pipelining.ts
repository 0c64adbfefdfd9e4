import { copyOf } from '../../xmpp/xml/copy-of.js'
import { StreamFeatures } from './stream-features.js'

/** How many streams a login opens: one to log in on, one to bind a resource on. */
const streams = 2

/** What one login foresees of its server's features, to go ahead of them (XEP-0305 §3), and what they really are. */
export class Pipelining {
  /** Whether the server has offered anything else than was foreseen, or a login cannot go by what was. */
  isMistaken = false
  /** Whether the server was told something before its features came, and has not answered that yet. */
  isAhead = false
  /** The features of the streams that have been opened. */
  readonly seen: StreamFeatures[] = []
  #stream = -1
  /** What the login goes by on this stream; undefined until it goes ahead, or the features have come. */
  #wentBy: StreamFeatures | undefined
  /** Whether this stream's features have come. */
  #haveCome = false

  constructor(
    /** The features of the login's streams in their order, none where nothing is known. */
    readonly foreseen: readonly StreamFeatures[] = [],
    /** Whether this server has coped with that before. */
    readonly isProven = false,
  ) {}

  /** Whether the features of all its streams have come. */
  get isComplete(): boolean {
    return this.seen.length >= streams
  }

  /** Whether anything was foreseen. */
  get wasPossible(): boolean {
    return this.foreseen.length > 0
  }

  /** Whether a login that fails now may have failed because it went ahead. */
  get isToBlame(): boolean {
    return this.isAhead && (this.isMistaken || !this.isProven)
  }

  /** The login opens its next stream. Tells how the link is to open it. */
  nextStream(): 'trial' | 'proven' | undefined {
    this.#stream += 1
    this.#wentBy = undefined
    this.#haveCome = false
    if (this.foreseen[this.#stream] === undefined) return undefined
    return this.isProven ? 'proven' : 'trial'
  }

  /** The link has opened the stream ahead of the server. Tells which features the login is to go by. */
  goAhead(): StreamFeatures {
    this.isAhead = true
    this.#wentBy = this.foreseen[this.#stream]!
    return this.#wentBy
  }

  /** The features have come. Tells what the login goes by from now on; `unfit` are others, and those that come again. */
  came(text: string): StreamFeatures | 'nothing-new' | 'unfit' {
    if (this.#haveCome) return 'unfit'
    this.#haveCome = true
    const foreseen = this.foreseen[this.#stream]
    const isForeseen = foreseen?.text === text
    // What is remembered must not keep in memory all that was read together with it.
    const features = isForeseen ? foreseen : new StreamFeatures(copyOf(text))
    this.seen.push(features)
    const before = this.#wentBy
    if (before === undefined) return features
    if (isForeseen) return 'nothing-new'
    this.isMistaken = true
    const isSame = this.#stream === 0 ? features.offersSameLogins(before) : features.offersSameBinding(before)
    return this.isAhead && isSame ? 'nothing-new' : 'unfit'
  }

  /** The server has reacted to what it was told. */
  answered(): void {
    this.isAhead = false
  }
}
