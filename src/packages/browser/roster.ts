import type { StropheConnection, StropheNamespace } from './strophe.js'
import { randomName } from './tab.js'

/** RFC 6121 §2. */
export interface Contact {
  readonly jid: string
  readonly name: string | undefined
  /** `both`, `to`, `from` or `none`. */
  readonly subscription: string
}

const rosterNamespace = 'jabber:iq:roster'

/** Asks again, and waits longer each time, until the server answers. Resolves with undefined after an error or `isOver`. */
export function fetchContacts(
  connection: StropheConnection,
  Builder: StropheNamespace['Builder'],
  patience: number,
  isOver: () => boolean,
): Promise<readonly Contact[] | undefined> {
  return new Promise(resolve => {
    let milliseconds = patience
    const ask = () => {
      const request = new Builder('iq', { type: 'get', id: randomName() }).c('query', { xmlns: rosterNamespace })
      connection.sendIQ(request.tree(), answered, failed, milliseconds)
    }
    const answered = (result: Element) => resolve([...result.getElementsByTagName('item')].map(readContact))
    const failed = (error: Element | null) => {
      milliseconds *= 2
      if (error || isOver()) resolve(undefined)
      else ask()
    }
    ask()
  })
}

function readContact(item: Element): Contact {
  const text = (name: string) => item.getAttribute(name) ?? undefined
  return { jid: text('jid') ?? '', name: text('name'), subscription: text('subscription') ?? 'none' }
}
