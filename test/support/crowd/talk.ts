// What a page has of its session, whichever way it comes to it.

/** What the warm API answers, as far as pages need it. */
export interface TalkBinding {
  readonly jid: string
  readonly sid: string
  readonly rid: number
  readonly id: string
  readonly wait: number
  /** How many requests may be under way. */
  readonly requests: number
  readonly url: string
  readonly websocket: { readonly url: string; readonly token: string }
}

export interface TalkEvents {
  /** Stanzas of the session have come, each once. */
  heard(stanzas: string): void
  /** The session is there, and can be talked over; called again after each break. */
  ready(): void
  /** The session is over. `since` is when that left whose answer said so, in milliseconds of `performance.now()`. */
  gone(why: string, since: number): void
  /** Something was not as it must be, and the talk goes on. */
  odd(what: string): void
}

export interface Talk {
  /** Says a stanza; once, however often it has to be sent. */
  say(stanza: string): void
  /** Stanzas that the page knows not to have arrived, or not whether. */
  readonly unconfirmed: string
  /** Goes away without a word. */
  drop(): void
}
