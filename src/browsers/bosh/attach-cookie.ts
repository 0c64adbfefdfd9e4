import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { AttachBinding } from '../../session/session-types.js'
import type { Cookie } from '../../xmpp/page-binding.js'

export interface CookieRules {
  readonly path: string
  /** True if browsers use TLS, even if the proxy forwards without TLS. */
  readonly secure: boolean
}

/** Contains a secret. */
export interface CookieState {
  readonly value: string
  /** In seconds. */
  readonly life: number
  isDemanded: boolean
  setAt: number | undefined
  setWith: number | undefined
}

/** `setAt` is in milliseconds from the record's creation, so it is negative. */
type CookieRecord = Readonly<CookieState>

/** After the first request with the cookie, each request must have the cookie. */
export class AttachCookie {
  readonly #name: string
  readonly #state: CookieState
  readonly #rules: CookieRules

  private constructor(id: string, state: CookieState, rules: CookieRules) {
    this.#name = `wb-${id}`
    this.#state = state
    this.#rules = rules
  }

  static forPage(id: string, mode: AttachBinding, longestReplyGapSeconds: number, rules: CookieRules, now: number) {
    const isDemanded = mode === 'reply'
    const setAt = isDemanded ? now : undefined
    const value = randomBytes(24).toString('base64url')
    const life = 2 * longestReplyGapSeconds
    return new AttachCookie(id, { value, life, isDemanded, setAt, setWith: undefined }, rules)
  }

  static of(id: string, record: CookieRecord, rules: CookieRules, now: number) {
    return new AttachCookie(id, { ...record, setAt: shifted(record.setAt, now) }, rules)
  }

  record(now: number): CookieRecord {
    return { ...this.#state, setAt: shifted(this.#state.setAt, -now) }
  }

  get forPage(): Cookie | undefined {
    if (this.isNew) return undefined
    return { name: this.#name, value: this.#state.value, attributes: this.#attributes(false) }
  }

  get isNew(): boolean {
    return this.#state.setAt === undefined
  }

  admits(header: string | undefined): boolean {
    const isShown = header !== undefined && this.#isIn(header)
    if (isShown) this.#state.isDemanded = true
    return isShown || !this.#state.isDemanded
  }

  /** Each time the cookie is due, only one rid gets it, because other requests may come from a thief of the sid. */
  setWith(rid: number, secure: boolean, now: number): string | undefined {
    const { value, life, isDemanded, setAt } = this.#state
    if (setAt === undefined || (isDemanded && now - setAt >= (life / 2) * 1000)) {
      this.#state.setAt = now
      this.#state.setWith = rid
    }
    return this.#state.setWith === rid ? `${this.#name}=${value}; ${this.#attributes(secure)}` : undefined
  }

  #attributes(secure: boolean): string {
    const { path, secure: isAlwaysSecure } = this.#rules
    const attributes = `Path=${path}; HttpOnly; SameSite=Lax; Max-Age=${this.#state.life}`
    return secure || isAlwaysSecure ? `${attributes}; Secure` : attributes
  }

  /** Several cookies may have this name, because other hosts of the domain can set cookies. */
  #isIn(header: string): boolean {
    const wanted = `${this.#name}=${this.#state.value}`
    return header.split(';').some(cookie => {
      const given = cookie.trim()
      if (given.length !== wanted.length) return false
      return timingSafeEqual(Buffer.from(given, 'latin1'), Buffer.from(wanted))
    })
  }
}

const shifted = (time: number | undefined, by: number) => (time === undefined ? undefined : time + by)
