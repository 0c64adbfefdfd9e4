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
export async function fetchContacts(
  connection: StropheConnection,
  Builder: StropheNamespace['Builder'],
  patience: number,
  isOver: () => boolean,
): Promise<readonly Contact[] | undefined> {
  for (let milliseconds = patience; ; milliseconds *= 2) {
    const request = new Builder('iq', { type: 'get', id: randomName() }).c('query', { xmlns: rosterNamespace })
    const result = await new Promise<Element | false | undefined>(resolve =>
      connection.sendIQ(request.tree(), resolve, error => resolve(error ? false : undefined), milliseconds),
    )
    if (result) return [...result.getElementsByTagName('item')].map(readContact)
    if (result === false || isOver()) return undefined
  }
}

function readContact(item: Element): Contact {
  const text = (name: string) => item.getAttribute(name) ?? undefined
  return { jid: text('jid') ?? '', name: text('name'), subscription: text('subscription') ?? 'none' }
}
