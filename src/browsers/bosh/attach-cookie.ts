import { timingSafeEqual } from 'node:crypto'
import { randomText } from '../../lib/text/random-text.js'
import type { AttachBinding } from '../../session/sessions.js'
import type { Cookie } from '../../xmpp/handed-out.js'

/** What the cookies of all sessions have in common. */
export interface CookieRules {
  /** The path of the BOSH endpoint, as browsers see it. */
  readonly path: string
  /** Whether browsers come over encrypted channels, whatever the requests that reach this process came over. */
  readonly secure: boolean
}

/**
 * The cookie that binds a session to the browser that attached to it; no script can read it. It is demanded once the
 * browser is known to have it: from then on the sid alone finds no session.
 */
export class AttachCookie {
  readonly #name: string
  readonly #value = randomText(24, 'base64url')
  readonly #rules: CookieRules
  /** In seconds: what is set again at half time never runs out before the session does. */
  readonly #life: number
  #isDemanded: boolean
  /** When it was set last, in milliseconds of the clock, and the request whose reply did so. */
  #setAt: number | undefined
  #setWith: number | undefined

  /**
   * `id` is the session's handle, `longestGap` the longest time between two replies, in seconds. With the mode `reply` a
   * backend hands the cookie out `now`, in milliseconds of the clock, and it is demanded from the first request on.
   */
  constructor(id: string, mode: AttachBinding, longestGap: number, rules: CookieRules, now: number) {
    this.#name = `wb-${id}`
    this.#rules = rules
    this.#life = 2 * longestGap
    this.#isDemanded = mode === 'reply'
    this.#setAt = this.#isDemanded ? now : undefined
  }

  /** What a backend sets with its page; undefined where the browser gets it here. */
  get handedOut(): Cookie | undefined {
    if (this.isNew) return undefined
    return { name: this.#name, value: this.#value, attributes: this.#attributes(false) }
  }

  /** Whether the browser has yet to be given it. */
  get isNew(): boolean {
    return this.#setAt === undefined
  }

  /** Whether a request with this `Cookie` header may be the browser's. */
  admits(header: string | undefined): boolean {
    // A cookie that was never sent cannot be guessed either.
    const isShown = header !== undefined && this.#isIn(header)
    if (isShown) this.#isDemanded = true
    return isShown || !this.#isDemanded
  }

  /**
   * The `Set-Cookie` for the reply to this request, if it is time for one: the first, and again when half of its life
   * is over. Only a repetition of the same request gets it again: a second client with the sid alone does not.
   */
  setWith(rid: number, secure: boolean, now: number): string | undefined {
    const isDue =
      this.#setAt === undefined || (this.#isDemanded && now - this.#setAt >= (this.#life / 2) * 1000)
    if (isDue) {
      this.#setAt = now
      this.#setWith = rid
    }
    if (this.#setWith !== rid) return undefined
    return `${this.#name}=${this.#value}; ${this.#attributes(secure)}`
  }

  #attributes(secure: boolean): string {
    const { path, secure: isAlwaysSecure } = this.#rules
    const attributes = `Path=${path}; HttpOnly; SameSite=Lax; Max-Age=${this.#life}`
    return secure || isAlwaysSecure ? `${attributes}; Secure` : attributes
  }

  /** Looks for it among the others; there may be several of its name, set by neighbours of the site. */
  #isIn(header: string): boolean {
    const wanted = `${this.#name}=${this.#value}`
    return header.split(';').some(cookie => {
      const given = cookie.trim()
      if (given.length !== wanted.length) return false
      // In a time that tells nothing of how much is right.
      return timingSafeEqual(Buffer.from(given, 'latin1'), Buffer.from(wanted))
    })
  }
}
