import { hash } from 'node:crypto'
import type { Condition } from '../../lib/errors.js'
import type { Payload } from '../../session/payload.js'
import type { Body } from './body.js'
import type { Terms } from './terms.js'

/** How a request that breaks the rules ends its session. */
export type Fault = Extract<Condition, 'bad-request' | 'item-not-found' | 'policy-violation'>

/** How often a request may be sent again. */
const maxRepeats = 5
/** By how much a client may come too early, in milliseconds: clocks and networks differ. */
const grace = 500

/** What the requests of one session must keep to, apart from their order. */
export class Rules {
  readonly #terms: Terms
  /** The SHA-1 of the next key, where the client chose to prove that it has created the session (XEP-0124 §15). */
  #proof: string | undefined
  /** Until when it is too soon to ask again, in milliseconds of the clock, and whether the last request only asked. */
  #soonUntil = 0
  #lastWasEmpty = false

  /** `newkey` is where a sequence of keys begins. */
  constructor(terms: Terms, newkey: string | undefined) {
    this.#terms = terms
    this.#proof = newkey?.toLowerCase()
  }

  /** The condition with which a request that is next in order ends the session, if so; `unanswered` counts it. */
  broken(
    body: Body,
    payload: Payload,
    { now, unanswered, fruitful }: { now: number; unanswered: number; fruitful: boolean },
  ): Fault | undefined {
    const { pause } = body
    const { maxPause, requests } = this.#terms
    if (!this.#isProven(body)) return 'item-not-found'
    if (pause !== undefined) {
      if (Number.isNaN(pause) || maxPause === 0) return 'bad-request'
      if (pause > maxPause) return 'policy-violation'
    }
    if (payload.fault !== undefined) return payload.fault
    if (this.#isTooSoon(body, now, unanswered, fruitful)) return 'policy-violation'
    return unanswered > requests + (isExtra(body) ? 1 : 0) ? 'policy-violation' : undefined
  }

  /** The same for a repetition of a request: it may be one too many, or another's (XEP-0124 §14.3, §15.5). */
  brokenByRepeat(earlier: { key: string | undefined; repeats: number }, body: Body): Fault | undefined {
    if (this.#proof !== undefined && earlier.key !== body.key) return 'item-not-found'
    return earlier.repeats >= maxRepeats ? 'policy-violation' : undefined
  }

  /** Each key is the SHA-1 of the next one to be shown, unless the request that shows it goes on with another sequence. */
  #isProven({ key, newkey }: Body): boolean {
    if (this.#proof === undefined) return true
    if (key === undefined || hash('sha1', key) !== this.#proof) return false
    this.#proof = (newkey ?? key).toLowerCase()
    return true
  }

  /** Whether a client asks too often, where the operator minds (XEP-0124 §11, §12). After a fruitful reply it may. */
  #isTooSoon(body: Body, now: number, unanswered: number, fruitful: boolean): boolean {
    const { enforcePolling, polling, isPolling, requests } = this.#terms
    if (!enforcePolling) return false
    const isEmpty = body.payload.length === 0 && !isExtra(body) && body.restart !== true
    const isTooMany = isPolling ? this.#lastWasEmpty && !fruitful : unanswered >= requests
    const isSoon = now < this.#soonUntil
    this.#soonUntil = now + polling * 1000 - grace
    this.#lastWasEmpty = isEmpty
    return isEmpty && isSoon && isTooMany
  }
}

/** These may come one above the window: a client at its limit can still pause or end (XEP-0124 §11). */
export function isExtra({ pause, terminate }: Body): boolean {
  return terminate || pause !== undefined
}
