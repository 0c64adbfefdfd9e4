import { linkNamespace } from '../../xmpp/namespaces.js'
import type { Element } from '../../xmpp/xml/element.js'
import { attribute } from '../../xmpp/xml/escape.js'
import type { Outbox } from '../outbox.js'
import type { Payload } from '../payload.js'
import type { Uplink } from './uplink.js'

/** Tells a page that sent `<watch/>` whether the link is up or being mended: at once, and after each change. */
export class LinkNotices {
  isWatched = false
  readonly #outbox: Pick<Outbox, 'notice'>
  readonly #uplink: Pick<Uplink, 'managed'>

  constructor(outbox: Pick<Outbox, 'notice'>, uplink: Pick<Uplink, 'managed'>) {
    this.#outbox = outbox
    this.#uplink = uplink
  }

  watch(): void {
    this.isWatched = true
    this.tell(this.#uplink.managed?.isMending === true)
  }

  /** Call this for each new page: it sends its own `<watch/>`. */
  forget(): void {
    this.isWatched = false
    this.#outbox.notice = undefined
  }

  /** The server must not get `<watch/>`, because it would close the stream. */
  take(payload: Payload): Payload {
    if (!payload.elements.some(isOfLink)) return payload
    this.watch()
    return { ...payload, elements: payload.elements.filter(element => !isOfLink(element)) }
  }

  /** Returns true if a notice now waits for the page. */
  tell(isMending: boolean): boolean {
    if (this.isWatched) this.#outbox.notice = isMending ? mending : up
    return this.isWatched
  }
}

const isOfLink = ({ namespace }: Element) => namespace === linkNamespace
const mending = noticeOf('mending')
const up = noticeOf('up')

function noticeOf(state: string): Element {
  const text = `<link${attribute('xmlns', linkNamespace)}${attribute('state', state)}/>`
  return { name: 'link', namespace: linkNamespace, text }
}
