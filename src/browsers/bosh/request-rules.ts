import { hash } from 'node:crypto'
import type { Condition } from '../../lib/errors.js'
import type { Payload } from '../../session/payload.js'
import type { Body } from './body.js'
import { maxPause, type Terms } from './terms.js'

/** With a sentence for a person who debugs the client or reads the log. */
export type Fault = readonly [Extract<Condition, 'bad-request' | 'item-not-found' | 'policy-violation'>, string]

const maxRepeats = 5

export const faults = {
  attribute: ['bad-request', 'An attribute is wrong (XEP-0124): rid, ack and pause are numbers, restart is true.'],
  restart: ['bad-request', 'A restart follows the login, once, for the same domain (XEP-0206).'],
  negotiation: ['bad-request', 'A client cannot negotiate TLS or compression here (XEP-0206).'],
  tooLarge: ['policy-violation', 'A stanza or request is too large. An operator can raise MAX_STANZA_BYTES.'],
  tooManyRequests: ['policy-violation', 'Too many requests are open. An operator can raise BOSH_MAX_REQUESTS.'],
  tooSoon: ['policy-violation', 'Empty requests came too fast, and BOSH_ENFORCE_POLLING is on.'],
  pause: ['policy-violation', `The pause is longer than ${maxPause} s.`],
  repeats: ['policy-violation', `The request was repeated more than ${maxRepeats} times.`],
  key: ['item-not-found', 'The key is wrong or missing (XEP-0124).'],
  ridTooHigh: ['item-not-found', 'The rid is too high: requests before it are missing.'],
  /** Only one of the two can be answered: the stanzas of the other would be lost without a word. */
  ridTaken: ['item-not-found', 'Another request had this rid: does another tab use the session?'],
  ridTooOld: ['item-not-found', 'The rid is too old: did a proxy or another tab repeat the request?'],
} as const satisfies Record<string, Fault>

export function faultOf({ fault }: Payload): Fault | undefined {
  if (fault === undefined) return undefined
  return fault === 'bad-request' ? faults.negotiation : faults.tooLarge
}

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
    if (!this.#isProven(body)) return faults.key
    if (Number.isNaN(pause)) return faults.attribute
    if (pause !== undefined && pause > maxPause) return faults.pause
    if (payload.fault !== undefined) return faultOf(payload)
    if (this.#isTooSoon(body, now, unanswered, hadPayload)) return faults.tooSoon
    return unanswered > requests + (isExtra(body) ? 1 : 0) ? faults.tooManyRequests : undefined
  }

  brokenByRepeat(earlier: { key: string | undefined; repeats: number }, body: Body): Fault | undefined {
    if (this.#proof !== undefined && earlier.key !== body.key) return faults.key
    return earlier.repeats >= maxRepeats ? faults.repeats : undefined
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
