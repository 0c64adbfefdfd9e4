import { hash } from 'node:crypto'
import type { Condition } from '../../lib/errors.js'
import type { Payload } from '../../session/payload.js'
import type { Body } from './body.js'
import { maxPause, type Terms } from './terms.js'

export type Fault = Extract<Condition, 'bad-request' | 'item-not-found' | 'policy-violation'>

const maxRepeats = 5
const clockTolerance = 500

export class RequestRules {
  readonly #terms: Terms
  #proof: string | undefined
  #soonUntil = 0
  #lastWasEmpty = false

  constructor(terms: Terms, newkey: string | undefined) {
    this.#terms = terms
    this.#proof = newkey?.toLowerCase()
  }

  /** `unanswered` includes this request. */
  broken(body: Body, payload: Payload, now: number, unanswered: number, hadPayload: boolean): Fault | undefined {
    const { pause } = body
    const { requests } = this.#terms
    if (!this.#isProven(body)) return 'item-not-found'
    if (Number.isNaN(pause)) return 'bad-request'
    if (pause !== undefined && pause > maxPause) return 'policy-violation'
    if (payload.fault !== undefined) return payload.fault
    if (this.#isTooSoon(body, now, unanswered, hadPayload)) return 'policy-violation'
    return unanswered > requests + (isExtra(body) ? 1 : 0) ? 'policy-violation' : undefined
  }

  brokenByRepeat(earlier: { key: string | undefined; repeats: number }, body: Body): Fault | undefined {
    if (this.#proof !== undefined && earlier.key !== body.key) return 'item-not-found'
    return earlier.repeats >= maxRepeats ? 'policy-violation' : undefined
  }

  #isProven({ key, newkey }: Body): boolean {
    if (this.#proof === undefined) return true
    if (key === undefined || hash('sha1', key) !== this.#proof) return false
    this.#proof = (newkey ?? key).toLowerCase()
    return true
  }

  /** XEP-0124 §11, §12. */
  #isTooSoon(body: Body, now: number, unanswered: number, hadPayload: boolean): boolean {
    const { enforcePolling, polling, isPolling, requests } = this.#terms
    if (!enforcePolling) return false
    const isEmpty = body.payload.length === 0 && !isExtra(body) && body.restart !== true
    const isTooMany = isPolling ? this.#lastWasEmpty && !hadPayload : unanswered >= requests
    const isSoon = now < this.#soonUntil
    this.#soonUntil = now + polling * 1000 - clockTolerance
    this.#lastWasEmpty = isEmpty
    return isEmpty && isSoon && isTooMany
  }
}

/** One request above the limit may pause or end the session (XEP-0124 §11). */
export function isExtra({ pause, terminate }: Body): boolean {
  return terminate || pause !== undefined
}
