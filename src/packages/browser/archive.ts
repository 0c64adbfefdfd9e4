import { bareJid, childOf, forwardedIn, type Message, readMessage } from './message.js'
import type { StropheConnection, StropheNamespace } from './strophe.js'
import { randomName } from './tab.js'

const archiveNamespace = 'urn:xmpp:mam:2'
const pagingNamespace = 'http://jabber.org/protocol/rsm'

const patience = 15_000

const pageSize = 100
const mostPages = 20

interface Archived {
  readonly id: string
  readonly message: Message
}

type Page = readonly [found: readonly Archived[] | undefined, isAll: boolean]

/** XEP-0313. */
export class Archive {
  readonly #connection: StropheConnection
  readonly #Builder: StropheNamespace['Builder']
  readonly #jid: string
  readonly #queries = new Map<string, Archived[]>()

  constructor(connection: StropheConnection, Builder: StropheNamespace['Builder'], jid: string) {
    this.#connection = connection
    this.#Builder = Builder
    this.#jid = jid
  }

  /** Accepts results from the user's own server only. */
  take(stanza: Element): boolean {
    const result = childOf(stanza, 'result', archiveNamespace)
    if (!result) return false
    const found = this.#queries.get(result.getAttribute('queryid')!)
    const forwarded = forwardedIn(result)
    const own = bareJid(this.#jid)
    const isOurs = (stanza.getAttribute('from') ?? own).toLowerCase() === own
    if (isOurs && found && forwarded) {
      const [stamp, message] = forwarded
      found.push({ id: result.getAttribute('id') ?? '', message: readMessage(message, this.#jid, stamp) })
    }
    return true
  }

  /** Returns the messages after `last`, or the newest `most` messages. */
  async since(last: string | undefined, most: number, isKnown: (id: string) => boolean): Promise<readonly Archived[]> {
    const [found, isAll] = last ? await this.#ask('after', last, pageSize) : []
    if (found && isAll) return found
    // If the archive lacks `last`, or `last` is too far back, pages are fetched backwards to a known message.
    const all: Archived[] = []
    for (let pages = 0, before = ''; pages < mostPages; pages++) {
      const [found = [], isAll] = await this.#ask('before', before, last ? pageSize : most)
      const next = last ? found.findLastIndex(({ id }) => isKnown(id)) + 1 : 0
      all.unshift(...found.slice(next))
      if (!last || next || isAll) break
      before = found[0]!.id
    }
    return all
  }

  #ask(place: 'after' | 'before', id: string, most: number): Promise<Page> {
    const queryid = randomName()
    const found: Archived[] = []
    this.#queries.set(queryid, found)
    const iq = new this.#Builder('iq', { type: 'set', id: queryid })
      .c('query', { xmlns: archiveNamespace, queryid })
      .c('set', { xmlns: pagingNamespace })
      .c('max')
      .t(String(most))
      .up()
      .c(place)
      .t(id)
    return new Promise(resolve => {
      const finish = (result: Element | null) => {
        this.#queries.delete(queryid)
        const fin = result && childOf(result, 'fin', archiveNamespace)
        resolve([fin ? found : undefined, !fin || !found[0] || /true|1/.test(fin.getAttribute('complete')!)])
      }
      this.#connection.sendIQ(iq.tree(), finish, finish, patience)
      this.#connection.flush()
    })
  }
}
