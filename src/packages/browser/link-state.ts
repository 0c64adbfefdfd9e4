/** The service's own elements about its link to the XMPP server. */
export const linkNamespace = 'urn:warm-bindings:link:0'

/** Shorter breaks are not shown. */
const shortestMilliseconds = 500

export const mending = {
  state: 'offline',
  code: 'mending',
  reason: 'The chat server does not answer. Your messages will be sent later.',
} as const

/** Reads the notices of a page that has sent `<watch/>`. */
export class LinkState {
  isMending = false
  /** Number of notices. Each proves that the service still has the session. */
  notices = 0
  readonly #changed: (isMending: boolean) => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(changed: (isMending: boolean) => void) {
    this.#changed = changed
  }

  note(input: Element): void {
    for (const element of input.localName === 'body' ? input.children : [input])
      if (element.namespaceURI === linkNamespace) this.#take(element.getAttribute('state') === 'mending')
  }

  #take(isMending: boolean): void {
    this.notices += 1
    this.isMending = isMending
    clearTimeout(this.#timer)
    if (isMending) this.#timer = setTimeout(this.#changed, shortestMilliseconds, true)
    else this.#changed(false)
  }
}
