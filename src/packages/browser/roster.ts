import { randomName } from './page-memory.js'
import type { StropheConnection } from './strophe.js'
import { newElement, newStanza } from './written-xml.js'

/** RFC 6121 §2. */
export interface Contact {
  readonly jid: string
  readonly name: string | undefined
  /** `both`, `to`, `from` or `none`. */
  readonly subscription: string
}

export const rosterNamespace = 'jabber:iq:roster'

const shortestPatience = 6_000
const mostProbes = 1000

export class Roster {
  #contacts: Map<string, Contact> | undefined

  /** Asks again, and waits longer each time, until the server answers. Resolves with undefined after an error or `isOver`. */
  async fetch(connection: StropheConnection, isOver: () => boolean): Promise<readonly Contact[] | undefined> {
    for (let patience = shortestPatience; ; patience *= 2) {
      const query = newElement('query', { xmlns: rosterNamespace })
      const request = newStanza('iq', { type: 'get', id: randomName() }, query)
      const answer = await new Promise<Element | null>(resolve =>
        connection.sendIQ(request, resolve, resolve, patience),
      )
      if (!answer && !isOver()) continue
      if (!answer || answer.getAttribute('type') === 'error') return undefined
      this.#contacts = new Map()
      return this.take(answer)
    }
  }

  /** Returns all contacts, or undefined before the first answer of `fetch`. */
  take(iq: Element): readonly Contact[] | undefined {
    const contacts = this.#contacts
    for (const item of iq.getElementsByTagName('item')) {
      const text = (name: string) => item.getAttribute(name) ?? undefined
      const jid = text('jid') ?? ''
      const subscription = text('subscription') ?? 'none'
      if (subscription === 'remove') contacts?.delete(jid)
      else contacts?.set(jid, { jid, name: text('name'), subscription })
    }
    return contacts && [...contacts.values()]
  }
}

/** For a resumed session, because servers send the presence of a contact only once. */
export function probesOf(contacts: readonly Pick<Contact, 'jid' | 'subscription'>[]): readonly Element[] {
  const seen = contacts.filter(({ subscription }) => /to|both/.test(subscription))
  return seen.slice(0, mostProbes).map(({ jid }) => newStanza('presence', { type: 'probe', to: jid }))
}
