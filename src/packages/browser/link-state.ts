import { newElement, newStanza } from './written-xml.js'

/** The service's own elements about its link to the XMPP server. */
const linkNamespace = 'urn:warm-bindings:link:0'

/** Shorter breaks are not shown. */
const shortestMilliseconds = 500

export const mending = {
  state: 'offline',
  code: 'mending',
  reason: 'The chat server does not answer. Your messages will be sent later.',
} as const

export const watch = (): Element => newElement('watch', { xmlns: linkNamespace })

export const ping = (to: string, id: string): Element =>
  newStanza('iq', { type: 'get', to, id }, newElement('ping', { xmlns: 'urn:xmpp:ping' }))

/** Reads the notices of a page that has sent `<watch/>`. */
export class LinkState {
  /** Number of notices. Each proves that the service still has the session. */
  notices = 0
  /** Number of signs that the XMPP server answers: answers to pings, and mended links. */
  signs = 0
  #isBroken = false
  /** The service answers, but the XMPP server does not answer a ping. */
  #isSilent = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #takeovers: string | null = null

  /** `takenOver`: stanzas may come again. */
  constructor(
    readonly changed: (isMending: boolean) => void,
    readonly takenOver: () => void,
  ) {}

  get isMending(): boolean {
    return this.#isBroken || this.#isSilent
  }

  /** The XMPP server has not answered in time a ping that was sent when there were so many signs. */
  unanswered(signs: number): void {
    // A link that has just been mended brings the answer later than a ping from before may wait for it.
    if (signs !== this.signs) return
    this.#isSilent = true
    this.changed(true)
  }

  /** The XMPP server has answered a ping. */
  answered(): void {
    this.signs += 1
    const wasSilent = this.#isSilent
    this.#isSilent = false
    if (wasSilent && !this.#isBroken) this.changed(false)
  }

  note(input: Element): void {
    for (const element of input.localName === 'body' ? input.children : [input])
      if (element.namespaceURI === linkNamespace) this.#take(element)
  }

  #take(notice: Element): void {
    const isMending = notice.getAttribute('state') === 'mending'
    const takeovers = notice.getAttribute('takeovers')
    if (takeovers !== this.#takeovers) this.takenOver()
    this.#takeovers = takeovers
    this.notices += 1
    if (this.#isBroken && !isMending) this.signs += 1
    this.#isBroken = isMending
    clearTimeout(this.#timer)
    if (isMending) this.#timer = setTimeout(this.changed, shortestMilliseconds, true)
    else if (!this.#isSilent) this.changed(false)
  }
}
