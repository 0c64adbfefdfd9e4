import type { Condition } from '../errors.js'
import type { Payload } from '../session/payload.js'
import type { Body } from './body.js'
import { KeySequence } from './key-sequence.js'
import { Overactivity } from './overactivity.js'
import type { Terms } from './terms.js'

/** How a request that breaks the rules ends its session. */
export type Fault = Extract<Condition, 'bad-request' | 'item-not-found' | 'policy-violation'>

/** How often a request may be sent again. */
const maxRepeats = 5

/** A request that came before with the same rid. */
interface Earlier {
  /** What it proved itself with. */
  readonly key: string | undefined
  /** How often it was sent again since. */
  readonly repeats: number
}

/** What the requests of one session must keep to, apart from their order. */
export class Rules {
  readonly #terms: Terms
  readonly #keys: KeySequence | undefined
  readonly #overactivity: Overactivity | undefined

  /** `newkey` is where a sequence of keys begins, if the client chose to prove itself (XEP-0124 §15). */
  constructor(terms: Terms, newkey: string | undefined) {
    this.#terms = terms
    this.#keys = newkey === undefined ? undefined : new KeySequence(newkey)
    this.#overactivity = terms.enforcePolling ? new Overactivity(terms) : undefined
  }

  /**
   * The condition with which a request that is next in order ends the session, if it does. `unanswered` counts it;
   * `fruitful` says whether the last reply had something in it.
   */
  broken(
    body: Body,
    payload: Payload,
    at: { now: number; unanswered: number; fruitful: boolean },
  ): Fault | undefined {
    const { pause } = body
    if (this.#keys !== undefined && !this.#keys.accept(body.key, body.newkey)) return 'item-not-found'
    if (pause !== undefined) {
      if (Number.isNaN(pause) || this.#terms.maxPause === 0) return 'bad-request'
      if (pause > this.#terms.maxPause) return 'policy-violation'
    }
    if (payload.fault !== undefined) return payload.fault
    if (this.#overactivity?.breaks(body, at.now, at.unanswered, at.fruitful)) return 'policy-violation'
    return at.unanswered > this.#terms.requests + (isExtra(body) ? 1 : 0) ? 'policy-violation' : undefined
  }

  /** The same for a repetition: it may be one too many, or another's (XEP-0124 §14.3, §15.5). */
  brokenByRepeat(earlier: Earlier, body: Body): Fault | undefined {
    if (this.#keys !== undefined && earlier.key !== body.key) return 'item-not-found'
    return earlier.repeats >= maxRepeats ? 'policy-violation' : undefined
  }
}

/** These may come one above the window: a client at its limit can still pause or end (XEP-0124 §11). */
export function isExtra({ pause, terminate }: Body): boolean {
  return terminate || pause !== undefined
}
