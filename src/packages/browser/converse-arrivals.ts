import type { Kept } from './converse-memory.js'
import type { PrivateConverse, Room } from './converse-types.js'
import { readStanza } from './departures.js'
import { bareJid, delayNamespace } from './message.js'
import { keyOf, RepeatedMessages } from './repeated-messages.js'

/** In characters. A few long messages must not fill the storage. */
const mostText = 10_000
const mostXml = 30_000

/** Anyone can send messages of a room that Converse never shows. */
const mostOpen = 500

/** In milliseconds. Converse waits for the server while it takes a message, which may fail. */
const longestTake = 5_000

/** Shows what a later page of the tab has shown and stored, which would also be lost with what this page stores. */
export function showStored({ chatboxes }: PrivateConverse['state']): void {
  for (const { messages } of chatboxes.models) messages?.fetch({ remove: false })
  chatboxes.fetch({ remove: false })
}

interface Open {
  /** When the message came. */
  readonly at: string
  /** Converse is about to store it. */
  readonly isGiven: boolean
}

/** Converse recognizes repeated messages by their ids, so repeated messages without an id are emptied. */
export class ConverseArrivals extends RepeatedMessages {
  /** Messages that Converse has not stored. */
  readonly #open = new Map<Element, Open>()
  /** Of messages of rooms that the page before has left. The service may send them again, without the time. */
  readonly #left = new Set<string>()

  start({ api, exports }: PrivateConverse): void {
    this.#takeOneByOne(exports)
    const { MUC } = exports
    if (!MUC) return
    const take = MUC.prototype.handleMessageStanza
    const follow = (message: Element, taken: Promise<unknown>) => this.#follow(message, taken)
    MUC.prototype.handleMessageStanza = function (message) {
      return follow(message, take.call(this, message))
    }
    api.listen.on('chatRoomInitialized', (room: Room) => {
      for (const [message, { at, isGiven }] of this.#open)
        if (!isGiven && bareJid(message.getAttribute('from') ?? '') === room.get('jid')) {
          this.#open.delete(message)
          void room.handleMessageStanza(readStanza({ xml: delayed(message, at) }))
        }
    })
  }

  /** For the next page. The service does not send these again, because Converse has acknowledged them. */
  get untaken(): readonly string[] {
    return Array.from(this.#open, ([message, { at }]) => delayed(message, at))
  }

  /** Converse gets what the page before has left. */
  takeLeft({ handleMessageStanza: take }: PrivateConverse['exports'], memory: Pick<Kept, 'untaken'>): void {
    const { untaken = [] } = memory
    memory.untaken = []
    for (const xml of untaken) {
      const message = readStanza({ xml })
      if (isOfRoom(message)) {
        this.#add(message, false)
        if (message.id) this.#left.add(nameOf(message))
      } else void take?.(message)
    }
  }

  /** `isNew`: by the count of stanzas. */
  take(message: Element, isNew: boolean): void {
    const bodies = message.querySelectorAll('body')
    for (const body of bodies) body.textContent = body.textContent.slice(0, mostText)
    const [body] = bodies
    const isAgain =
      !message.id && (!isNew || (body && this.isAgain(keyOf(message.getAttribute('from'), body.textContent))))
    if (isAgain || this.#left.has(nameOf(message)) || message.outerHTML.length > mostXml) message.replaceChildren()
    // The room may not have been restored yet, and would miss it.
    else if (body && isOfRoom(message)) this.#add(message, false)
  }

  /**
   * Converse 14 would begin a chat for each message of a sender it has no chat with, keep one chat, and lose the
   * messages of the others.
   */
  #takeOneByOne(exports: PrivateConverse['exports']): void {
    const take = exports.handleMessageStanza
    let last: Promise<unknown> = Promise.resolve()
    if (take)
      exports.handleMessageStanza = message => {
        this.#add(message, true)
        last = last.then(() => Promise.race([this.#follow(message, take(message)), timeout(longestTake)]))
        return last
      }
  }

  #add(message: Element, isGiven: boolean): void {
    const at = this.#open.get(message)?.at ?? new Date().toISOString()
    if (message.firstChild) this.#open.set(message, { at, isGiven })
    const [oldest] = this.#open.keys()
    if (this.#open.size > mostOpen) this.#open.delete(oldest!)
  }

  async #follow(message: Element, taken: Promise<unknown>): Promise<void> {
    this.#add(message, true)
    await taken.catch(console.error)
    this.#open.delete(message)
  }
}

const nameOf = (message: Element) => keyOf(message.getAttribute('from'), message.id)

const isOfRoom = (message: Element) => message.getAttribute('type') === 'groupchat'

/** In XML. Otherwise, it would come after later messages. */
function delayed(message: Element, at: string): string {
  const xml = new XMLSerializer().serializeToString(message)
  const isStamped = message.getElementsByTagNameNS(delayNamespace, 'delay')[0]
  return isStamped ? xml : xml.replace(/<\/message>$/, `<delay xmlns="${delayNamespace}" stamp="${at}"/></message>`)
}

const timeout = (milliseconds: number) => new Promise(done => setTimeout(done, milliseconds))
