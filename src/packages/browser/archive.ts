import { bareJid, childOf, forwardedIn, type Message, readMessage } from './message.js'
import type { StropheConnection, StropheNamespace } from './strophe.js'
import { randomName } from './tab.js'

const archiveNamespace = 'urn:xmpp:mam:2'
const pagingNamespace = 'http://jabber.org/protocol/rsm'

/** In milliseconds. */
const patience = 15_000

/** Messages in a page, and most pages. If more messages were missed, only the last page is fetched. */
const pageSize = 100
const mostPages = 20

export interface Archived {
  readonly id: string
  readonly message: Message
}

interface Page {
  readonly found: readonly Archived[]
  readonly isComplete: boolean
}

/** The user's message archive (XEP-0313). */
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
    const from = stanza.getAttribute('from')
    const found = this.#queries.get(result.getAttribute('queryid') ?? '')
    const forwarded = forwardedIn(result)
    const isOurs = !from || from.toLowerCase() === bareJid(this.#jid)
    if (isOurs && found && forwarded) {
      const [stamp, message] = forwarded
      found.push({ id: result.getAttribute('id') ?? '', message: readMessage(message, this.#jid, stamp) })
    }
    return true
  }

  /** Messages after `last`, or the last `most` messages. Undefined if there is no archive. */
  async since(last: string | undefined, most: number): Promise<readonly Archived[] | undefined> {
    const all: Archived[] = []
    let after = last
    for (let pages = 0; after && pages < mostPages; pages++) {
      const page: Page | undefined = await this.#ask({ after }, pageSize)
      // The archive may have dropped `last`.
      if (!page) break
      all.push(...page.found)
      if (page.isComplete) return all
      after = page.found.at(-1)?.id
    }
    const end = await this.#ask({ before: '' }, last ? pageSize : most)
    return end || all.length > 0 ? [...all, ...(end?.found ?? [])] : undefined
  }

  #ask(place: Readonly<Record<string, string>>, most: number): Promise<Page | undefined> {
    const queryid = randomName()
    const found: Archived[] = []
    this.#queries.set(queryid, found)
    const iq = new this.#Builder('iq', { type: 'set', id: queryid })
      .c('query', { xmlns: archiveNamespace, queryid })
      .c('set', { xmlns: pagingNamespace })
      .c('max')
      .t(String(most))
      .up()
    for (const [name, value] of Object.entries(place)) iq.c(name).t(value).up()
    return new Promise(resolve => {
      const finish = (page?: Page) => {
        this.#queries.delete(queryid)
        resolve(page)
      }
      const end = (result: Element) => {
        const fin = childOf(result, 'fin', archiveNamespace)
        const isComplete = /^(true|1)$/.test(fin?.getAttribute('complete') ?? '') || found.length === 0
        finish({ found, isComplete })
      }
      this.#connection.sendIQ(iq, end, () => finish(), patience)
      this.#connection.flush()
    })
  }
}
