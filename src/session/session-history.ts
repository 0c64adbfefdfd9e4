const names = ['logged-in', 'attached', 'paused', 'resumed', 'mended', 'taken-up'] as const

const mostEvents = 20
const none: readonly number[] = []

export interface PastEvent {
  readonly event: 'opened' | (typeof names)[number]
  readonly at: number
}

export interface OpenedBy {
  readonly admin: string
  /** True if a page opened the session with a token. */
  readonly isPage: boolean
}

export class SessionHistory {
  openedBy: OpenedBy | undefined
  browser: string | undefined
  /** 8 × the session's age in seconds + the index in `names`. */
  #events: readonly number[]

  constructor(before?: SessionHistory['record']) {
    this.openedBy = before?.openedBy
    this.browser = before?.browser
    this.#events = before?.events ?? none
  }

  get record() {
    return { openedBy: this.openedBy, browser: this.browser, events: this.#events }
  }

  note(event: (typeof names)[number], age: number): void {
    const seconds = Math.max(0, Math.floor(age / 1000))
    this.#events = this.#events.slice(1 - mostEvents).concat(seconds * 8 + names.indexOf(event))
  }

  get hadPage(): boolean {
    return this.#events.some(event => names[event % 8] === 'attached')
  }

  eventsSince(createdAt: number): readonly PastEvent[] {
    const events = this.#events.map(event => ({
      event: names[event % 8]!,
      at: createdAt + Math.floor(event / 8) * 1000,
    }))
    return [{ event: 'opened', at: createdAt }, ...events]
  }
}
