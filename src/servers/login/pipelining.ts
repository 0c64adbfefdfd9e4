import { copyOf } from '../../xmpp/xml/copy-of.js'
import { allowBindingOf, offerSameLogins, readFeatures, type StreamFeatures } from './stream-features.js'

const streams = 2

/** Pipelining of one login (XEP-0305 §3). `foreseen` has the expected features of each stream. */
export class Pipelining {
  isMistaken = false
  /** Data was sent before the features, and is unanswered. */
  isAhead = false
  /** The first stream in which data was sent ahead. */
  firstAhead = streams
  isComplete = false
  readonly seen: StreamFeatures[] = []
  #stream = -1
  #usedFeatures: StreamFeatures | undefined
  #lastReceived: StreamFeatures | undefined

  constructor(
    readonly foreseen: readonly StreamFeatures[] = [],
    /** From this stream on, pipelining succeeded in an earlier login. */
    readonly provenFrom = streams,
  ) {}

  get wasPossible(): boolean {
    return this.foreseen.length > 0
  }

  get isToBlame(): boolean {
    return this.isAhead && (this.isMistaken || !this.isTrusted)
  }

  get isTrusted(): boolean {
    return this.firstAhead >= this.provenFrom
  }

  get current(): StreamFeatures | undefined {
    return this.#lastReceived ?? this.#usedFeatures
  }

  /** Call this too when SASL2 has succeeded, after which features may follow on the same stream (XEP-0388 §2.6). */
  nextStream(): 'trial' | 'proven' | undefined {
    this.#stream += 1
    this.#usedFeatures = undefined
    this.#lastReceived = undefined
    if (this.foreseen[this.#stream] === undefined) return undefined
    return this.#stream >= this.provenFrom ? 'proven' : 'trial'
  }

  goAhead(): StreamFeatures {
    this.isAhead = true
    this.firstAhead = Math.min(this.firstAhead, this.#stream)
    this.#usedFeatures = this.foreseen[this.#stream]!
    return this.#usedFeatures
  }

  /** `unfit`: the features are unexpected or repeated. */
  received(text: string): StreamFeatures | 'nothing-new' | 'unfit' {
    if (this.#lastReceived !== undefined) return 'unfit'
    const foreseen = this.foreseen[this.#stream]
    const isForeseen = foreseen?.text === text
    const features = isForeseen ? foreseen : readFeatures(copyOf(text))
    this.#lastReceived = features
    this.isComplete = this.seen.push(features) >= streams
    const before = this.#usedFeatures
    if (before === undefined) return features
    if (isForeseen) return 'nothing-new'
    this.isMistaken = true
    const isSame = this.#stream === 0 ? offerSameLogins(features, before) : allowBindingOf(features, before)
    return this.isAhead && isSame ? 'nothing-new' : 'unfit'
  }

  answered(): void {
    this.isAhead = false
  }
}
