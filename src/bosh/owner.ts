import type { Peer, Reply } from '../exchange.js'
import type { HandedOver, Handover } from '../sessions.js'
import { AttachCookie, type CookieRules } from './attach-binding.js'
import { writeTerminate } from './body.js'
import { defaultContentType, type Terms } from './terms.js'

/** Closes the connection: what came over it is not to be trusted with an answer. */
const noAnswer: Reply = { status: 0, body: '', contentType: '' }

/** What is said of a session that does not exist, or not for whoever asks (XEP-0124 §17.2). */
const notFound: Reply = {
  status: 200,
  body: writeTerminate('item-not-found'),
  contentType: defaultContentType,
}

/** Whom a session belongs to, and how it tells the owner's requests from a stranger's who knows the sid. */
export class Owner {
  readonly #id: string
  readonly #cookies: CookieRules
  #isLogin: boolean
  /** Whether its requests come over an encrypted channel; undefined until its browser's first one has. */
  #secure: boolean | undefined
  #cookie: AttachCookie | undefined

  /** `creator` sent the creation request, `id` is the session's handle. */
  constructor(creator: Peer, id: string, cookies: CookieRules) {
    this.#id = id
    this.#cookies = cookies
    this.#isLogin = creator.kind === 'login'
    this.#secure = this.#isLogin ? undefined : creator.secure
  }

  /** Whether our login still uses the session, and not a browser. */
  get isLogin(): boolean {
    return this.#isLogin
  }

  /** Whether passwords may come over its channel. */
  get isSecure(): boolean {
    return this.#secure === true
  }

  /** Whether a browser has yet to be given the cookie that it is known by. */
  get lacksCookie(): boolean {
    return this.#cookie?.isNew === true
  }

  /** What a request gets that is not the owner's; undefined if it is, as far as can be told. */
  refusal(peer: Peer): Reply | undefined {
    // Somebody who listens in may have the sid; the session lives on for its owner (XEP-0124 §19.1).
    if (this.#secure === true && !peer.secure) return noAnswer
    return this.#cookie === undefined || this.#cookie.admits(peer.cookies) ? undefined : notFound
  }

  /** Takes note of a request in its turn: a browser's first one says what channel the others have to come over. */
  accept(peer: Peer): void {
    if (!this.#isLogin) this.#secure ??= peer.secure
  }

  /** From now on it belongs to a browser, which is known by a cookie of its own if that is wanted. */
  change({ seconds, attachBinding: mode }: Handover, terms: Terms, now: number): HandedOver {
    this.#isLogin = false
    this.#cookie = undefined
    if (mode === 'off') return {}
    const longestGap = terms.wait + Math.max(seconds, terms.inactivity, terms.maxPause)
    this.#cookie = new AttachCookie({ id: this.#id, mode, longestGap, rules: this.#cookies, now })
    return { cookie: this.#cookie.handedOut }
  }

  /** Adds the cookie to the reply to this request, if it is time for it. */
  stamp(reply: Reply, rid: number, peer: Peer, now: number): Reply {
    if (this.#cookie === undefined || peer.gone) return reply
    const setCookie = this.#cookie.setWith(rid, peer.secure, now)
    return setCookie === undefined ? reply : { ...reply, setCookie }
  }
}
