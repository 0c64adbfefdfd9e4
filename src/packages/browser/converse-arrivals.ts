import { Repeats } from './repeats.js'

/** In characters. A few long messages must not fill the storage. */
const mostText = 10_000
const mostXml = 30_000

/** Converse recognizes repeated messages by their ids, so repeated messages without an id are emptied. */
export class ConverseArrivals extends Repeats {
  /** `isNew`: by the count of stanzas. */
  take(message: Element, isNew: boolean): void {
    const body = message.querySelector('body')
    if (body) body.textContent = body.textContent.slice(0, mostText)
    const isAgain =
      !message.id && (!isNew || (body && this.isAgain([message.getAttribute('from'), body.textContent].join())))
    if (isAgain || message.outerHTML.length > mostXml) message.replaceChildren()
  }
}
