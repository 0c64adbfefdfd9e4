import { linkNamespace } from '../../xmpp/namespaces.js'
import type { Element } from '../../xmpp/xml/element.js'
import { attribute } from '../../xmpp/xml/escape.js'
import type { Payload } from '../payload.js'
import type { Session } from '../session.js'

/** Tells a page that sent `<watch/>` whether the link is up or being mended: at once, and after each change. */
export class LinkNotices {
  isWatched = false
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  watch(): void {
    this.isWatched = true
    this.tell(this.#session.uplink.managed?.isMending === true)
  }

  /** Call this for each new page: it sends its own `<watch/>`. */
  forget(): void {
    this.isWatched = false
    this.#session.outbox.notice = undefined
  }

  /** The server must not get `<watch/>`, because it would close the stream. */
  take(payload: Payload): Payload {
    if (!payload.elements.some(isOfLink)) return payload
    this.watch()
    return { ...payload, elements: payload.elements.filter(element => !isOfLink(element)) }
  }

  tell(isMending: boolean): void {
    const { outbox } = this.#session
    if (this.isWatched) outbox.notice = noticeOf(isMending ? 'mending' : 'up', outbox.takeovers)
  }
}

const isOfLink = ({ namespace }: Element) => namespace === linkNamespace

/** After a takeover, stanzas may come again. */
function noticeOf(state: 'mending' | 'up', takeovers: number): Element {
  const again = takeovers > 0 ? attribute('takeovers', takeovers) : ''
  const text = `<link${attribute('xmlns', linkNamespace)}${attribute('state', state)}${again}/>`
  return { name: 'link', namespace: linkNamespace, text }
}
