import type { PrivateConverse } from './converse-types.js'
import { keyOf, RepeatedMessages } from './repeated-messages.js'

/** In characters. A few long messages must not fill the storage. */
const mostText = 10_000
const mostXml = 30_000

/** In milliseconds. Converse waits for the server while it takes a message, which may fail. */
const longestTake = 5_000

/**
 * Converse 14 would begin a chat for each message of a sender it has no chat with, keep one chat, and lose the messages of
 * the others.
 */
export function takeOneByOne(exports: PrivateConverse['exports']): void {
  const take = exports.handleMessageStanza
  let last: Promise<unknown> = Promise.resolve()
  if (take)
    exports.handleMessageStanza = message =>
      (last = last.then(() =>
        Promise.race([take(message).catch(console.error), new Promise(done => setTimeout(done, longestTake))]),
      ))
}

/** Shows what a later page of the tab has shown and stored, which would also be lost with what this page stores. */
export function showStored({ chatboxes }: PrivateConverse['state']): void {
  for (const { messages } of chatboxes.models) messages?.fetch({ remove: false })
  chatboxes.fetch({ remove: false })
}

/** Converse recognizes repeated messages by their ids, so repeated messages without an id are emptied. */
export class ConverseArrivals extends RepeatedMessages {
  /** `isNew`: by the count of stanzas. */
  take(message: Element, isNew: boolean): void {
    const bodies = message.querySelectorAll('body')
    for (const body of bodies) body.textContent = body.textContent.slice(0, mostText)
    const [body] = bodies
    const isAgain =
      !message.id && (!isNew || (body && this.isAgain(keyOf(message.getAttribute('from'), body.textContent))))
    if (isAgain || message.outerHTML.length > mostXml) message.replaceChildren()
  }
}
