import { type Contact, readContact } from './contact.js'
import type { StropheConnection, StropheNamespace } from './strophe.js'
import { randomName } from './tab.js'

const rosterNamespace = 'jabber:iq:roster'

/** Asks again after `milliseconds` without an answer. Resolves with undefined if the server has none, or `isOver`. */
export function fetchContacts(
  connection: StropheConnection,
  Builder: StropheNamespace['Builder'],
  milliseconds: number,
  isOver: () => boolean,
): Promise<readonly Contact[] | undefined> {
  return new Promise(resolve => {
    const ask = () => {
      const request = new Builder('iq', { type: 'get', id: randomName() }).c('query', { xmlns: rosterNamespace })
      connection.sendIQ(request.tree(), answered, failed, milliseconds)
    }
    const answered = (result: Element) => resolve([...result.getElementsByTagName('item')].map(readContact))
    const failed = (error: Element | null) => (error || isOver() ? resolve(undefined) : ask())
    ask()
  })
}
