import { timingSafeEqual } from 'node:crypto'
import { randomText } from '../../lib/text/random-text.js'
import type { AttachBinding } from '../../session/session-types.js'
import type { Cookie } from '../../xmpp/page-binding.js'

export interface CookieRules {
  readonly path: string
  /** True if browsers use TLS, even if the proxy forwards without TLS. */
  readonly secure: boolean
}

/** Contains a secret. `setAt` is in milliseconds from the record's creation, so it is negative. */
export interface CookieRecord {
  readonly value: string
  readonly life: number
  readonly isDemanded: boolean
  readonly setAt: number | undefined
  readonly setWith: number | undefined
}

/** After the first request with the cookie, each request must have the cookie. */
export class AttachCookie {
  readonly #name: string
  #value = randomText(24, 'base64url')
  readonly #rules: CookieRules
  #lifeSeconds: number
  #isDemanded: boolean
  #setAt: number | undefined
  #setWith: number | undefined

  constructor(id: string, mode: AttachBinding, longestReplyGapSeconds: number, rules: CookieRules, now: number) {
    this.#name = `wb-${id}`
    this.#rules = rules
    this.#lifeSeconds = 2 * longestReplyGapSeconds
    this.#isDemanded = mode === 'reply'
    this.#setAt = this.#isDemanded ? now : undefined
  }

  static of(id: string, { value, life, isDemanded, setAt, setWith }: CookieRecord, rules: CookieRules, now: number) {
    const cookie = new AttachCookie(id, 'cookie', 0, rules, now)
    cookie.#value = value
    cookie.#lifeSeconds = life
    cookie.#isDemanded = isDemanded
    cookie.#setAt = setAt === undefined ? undefined : now + setAt
    cookie.#setWith = setWith
    return cookie
  }

  record(now: number): CookieRecord {
    return {
      value: this.#value,
      life: this.#lifeSeconds,
      isDemanded: this.#isDemanded,
      setAt: this.#setAt === undefined ? undefined : this.#setAt - now,
      setWith: this.#setWith,
    }
  }

  get forPage(): Cookie | undefined {
    if (this.isNew) return undefined
    return { name: this.#name, value: this.#value, attributes: this.#attributes(false) }
  }

  get isNew(): boolean {
    return this.#setAt === undefined
  }

  admits(header: string | undefined): boolean {
    const isShown = header !== undefined && this.#isIn(header)
    if (isShown) this.#isDemanded = true
    return isShown || !this.#isDemanded
  }

  /** Each time the cookie is due, only one rid gets it, because other requests may come from a thief of the sid. */
  setWith(rid: number, secure: boolean, now: number): string | undefined {
    const isDue = this.#setAt === undefined || (this.#isDemanded && now - this.#setAt >= (this.#lifeSeconds / 2) * 1000)
    if (isDue) {
      this.#setAt = now
      this.#setWith = rid
    }
    if (this.#setWith !== rid) return undefined
    return `${this.#name}=${this.#value}; ${this.#attributes(secure)}`
  }

  #attributes(secure: boolean): string {
    const { path, secure: isAlwaysSecure } = this.#rules
    const attributes = `Path=${path}; HttpOnly; SameSite=Lax; Max-Age=${this.#lifeSeconds}`
    return secure || isAlwaysSecure ? `${attributes}; Secure` : attributes
  }

  /** Several cookies may have this name, because other hosts of the domain can set cookies. */
  #isIn(header: string): boolean {
    const wanted = `${this.#name}=${this.#value}`
    return header.split(';').some(cookie => {
      const given = cookie.trim()
      if (given.length !== wanted.length) return false
      return timingSafeEqual(Buffer.from(given, 'latin1'), Buffer.from(wanted))
    })
  }
}
