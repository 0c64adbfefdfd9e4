import type { Jid } from '../xmpp/jid/jid.js'
import { pingNamespace, sessionNamespace } from '../xmpp/namespaces.js'
import { childrenOf } from '../xmpp/xml/document.js'
import type { Element } from '../xmpp/xml/element.js'
import { escapeXml } from '../xmpp/xml/escape.js'
import { domain, errorReply, readAddress, readdress, readStanza, reply, type Stanza, titleOf } from './stanza.js'

const text = "<presence xmlns='jabber:client' type='unavailable'/>"
const unavailable = readStanza({ name: 'presence', namespace: 'jabber:client', text })!

export interface Session {
  readonly account: string
  readonly resource: string
  readonly jid: string
  send(text: string): void
  end(condition: 'conflict'): void
}

/** RFC 6120 §10, RFC 6121 §8, without priorities and offline messages. */
export class Delivery {
  /** By account and resource. */
  readonly #sessions: ReadonlyMap<string, Map<string, Session>>
  /** Last presence of each available resource (RFC 6121 §4.2). */
  readonly #available = new Map<Session, Stanza>()

  constructor(names: Iterable<string>) {
    this.#sessions = new Map([...names].map(name => [name, new Map()]))
  }

  /** RFC 6120 §7.7.2.2. */
  bind(session: Session): void {
    const sessions = this.#sessions.get(session.account)!
    sessions.get(session.resource)?.end('conflict')
    sessions.set(session.resource, session)
  }

  leave(session: Session): void {
    const sessions = this.#sessions.get(session.account)!
    if (sessions.get(session.resource) === session) sessions.delete(session.resource)
    this.#leave(session, unavailable)
  }

  receive(session: Session, stanza: Stanza): void {
    const { name, type, to: given } = stanza
    if (name === 'presence' && given === undefined) {
      this.#receivePresence(session, stanza)
      return
    }
    const to = readAddress(given ?? bare(session))
    if (name === 'presence' && type === 'probe') {
      this.#answerProbe(session, to?.local)
      return
    }
    const isAnswered = name === 'iq' && to?.resource === undefined
    const isDone = to && (isAnswered ? this.#answer(session, stanza, to) : this.#pass(session, stanza, to))
    // RFC 6120 §8.3.1.
    if (!isDone && type !== 'error' && type !== 'result' && name !== 'presence')
      session.send(errorReply(stanza, given ?? bare(session), session.jid))
  }

  #answer(session: Session, stanza: Stanza, to: Jid): boolean {
    const [query] = childrenOf(stanza.text)
    const payload = query && answerQuery(stanza.type, query, to, session.account, this.#sessions.keys())
    if (payload !== undefined) session.send(reply(stanza, 'result', payload, stanza.to ?? bare(session), session.jid))
    return payload !== undefined
  }

  /** To a full JID, or to all available resources. */
  #pass(session: Session, stanza: Stanza, { local, resource }: Jid): boolean {
    const all = [...(this.#sessions.get(local)?.values() ?? [])]
    const readers = all.filter(each => (resource ? each.resource === resource : this.#available.has(each)))
    for (const reader of readers) reader.send(readdress(stanza, session.jid, stanza.to ?? reader.jid))
    return readers.length > 0
  }

  #leave(session: Session, stanza: Stanza): void {
    if (!this.#available.delete(session)) return
    for (const other of this.#available.keys()) other.send(readdress(stanza, session.jid, other.jid))
  }

  /** RFC 6121 §4.3. */
  #answerProbe(session: Session, local: string | undefined): void {
    for (const [other, presence] of this.#available)
      if (other.account === local && other !== session) session.send(readdress(presence, other.jid, session.jid))
  }

  /** RFC 6121 §4.2 to §4.5. */
  #receivePresence(session: Session, stanza: Stanza): void {
    if (stanza.type === 'unavailable') this.#leave(session, stanza)
    if (stanza.type !== undefined) return
    const isInitial = !this.#available.has(session)
    this.#available.set(session, stanza)
    for (const [other, presence] of this.#available) {
      other.send(readdress(stanza, session.jid, other.jid))
      if (isInitial && other !== session) session.send(readdress(presence, other.jid, session.jid))
    }
  }
}

function bare({ account }: Session): string {
  return `${account}@${domain}`
}

const roster = 'jabber:iq:roster'

/** RFC 6120 §10.3. Undefined if the query is not supported. */
function answerQuery(
  type: string | undefined,
  { namespace, name }: Element,
  to: Jid,
  asker: string,
  accounts: Iterable<string>,
): string | undefined {
  switch (`${type} ${namespace} ${name}`) {
    case `get ${roster} query`:
      return to.local === asker ? writeRoster(asker, accounts) : undefined
    case `set ${sessionNamespace} session`:
    case `get ${pingNamespace} ping`:
      return to.local === '' || to.local === asker ? '' : undefined
    default:
      return undefined
  }
}

function writeRoster(asker: string, names: Iterable<string>): string {
  const items = [...names]
    .filter(name => name !== asker)
    .map(name => `<item jid='${escapeXml(name)}@${domain}' name='${escapeXml(titleOf(name))}' subscription='both'/>`)
  return `<query xmlns='${roster}'>${items.join('')}</query>`
}
