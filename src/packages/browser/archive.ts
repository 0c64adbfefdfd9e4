import { childOf, forwardedIn, isOfAccount, type Message, readMessage } from './message.js'
import { randomName } from './page-memory.js'
import type { StropheConnection } from './strophe.js'
import { newElement, newStanza } from './written-xml.js'

const archiveNamespace = 'urn:xmpp:mam:2'
const pagingNamespace = 'http://jabber.org/protocol/rsm'

const shortestPatience = 15_000

const pageSize = 100
const mostPages = 20

interface Archived {
  readonly id: string
  readonly message: Message
}

type Page = readonly [found: readonly Archived[] | undefined, isAll: boolean, isLate: boolean]

export type Archive = ReturnType<typeof createArchive>

/** XEP-0313. */
export function createArchive(connection: StropheConnection, jid: string) {
  const queries = new Map<string, Archived[]>()
  let patience = shortestPatience

  async function ask(place: 'after' | 'before', id: string, most: number): Promise<Page> {
    const queryid = randomName()
    const found: Archived[] = []
    queries.set(queryid, found)
    const max = newElement('max', {}, String(most))
    const set = newElement('set', { xmlns: pagingNamespace }, max, newElement(place, {}, id))
    const query = newElement('query', { xmlns: archiveNamespace, queryid }, set)
    const iq = newStanza('iq', { type: 'set', id: queryid }, query)
    const answer = new Promise<Element | null>(resolve => connection.sendIQ(iq, resolve, resolve, patience))
    connection.flush()
    let result = await answer
    queries.delete(queryid)
    if (result && childOf(result, 'error', null)?.getAttribute('type') === 'wait') {
      await new Promise(resolve => setTimeout(resolve, patience))
      result = null
    }
    if (!result) patience *= 2
    const fin = result && childOf(result, 'fin', archiveNamespace)
    return [fin ? found : undefined, !fin || !found[0] || /true|1/.test(fin.getAttribute('complete')!), !result]
  }

  return {
    /** Accepts results of the user's own archive only. */
    take(stanza: Element): boolean {
      const result = childOf(stanza, 'result', archiveNamespace)
      if (!result) return false
      const found = queries.get(result.getAttribute('queryid')!)
      const forwarded = forwardedIn(result)
      if (isOfAccount(stanza, jid) && found && forwarded) {
        const [stamp, message] = forwarded
        found.push({ id: result.getAttribute('id') ?? '', message: readMessage(message, jid, stamp) })
      }
      return true
    },

    /**
     * Returns the messages after `last`, or the newest `most` messages. Undefined if the server does not answer in time,
     * or has asked to wait.
     */
    async since(last: string | undefined, isKnown: (id: string) => boolean, most = pageSize) {
      const [found, isAll, isLate] = last ? await ask('after', last, pageSize) : []
      if (isLate) return undefined
      if (found && isAll) return found
      // If the archive lacks `last`, or `last` is too far back, pages are fetched backwards to a known message.
      const all: Archived[] = []
      for (let pages = 0, before = ''; pages < mostPages; pages++) {
        const [found = [], isAll, isLate] = await ask('before', before, last ? pageSize : most)
        if (isLate) return undefined
        const next = last ? found.findLastIndex(({ id }) => isKnown(id)) + 1 : 0
        all.unshift(...found.slice(next))
        if (!last || next || isAll) break
        before = found[0]!.id
      }
      return all
    },
  }
}
