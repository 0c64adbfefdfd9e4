import type { Jid } from '../../xmpp/jid/jid.js'
import { pingNamespace, sessionNamespace } from '../../xmpp/namespaces.js'
import { childrenOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
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

export type Delivery = ReturnType<typeof createDelivery>

/** RFC 6120 §10, RFC 6121 §8, without priorities and offline messages. All users are contacts, but guests are none. */
export function createDelivery(names: Iterable<string>) {
  const users = new Set(names)
  /** By account and resource. */
  const sessions = new Map<string, Map<string, Session>>()
  /** Last presence of each available resource (RFC 6121 §4.2). */
  const available = new Map<Session, Stanza>()

  function answer(session: Session, stanza: Stanza, to: Jid): boolean {
    const [query] = childrenOf(stanza.text)
    const payload = query && answerQuery(stanza.type, query, to, session.account, users)
    if (payload !== undefined) session.send(reply(stanza, 'result', payload, stanza.to ?? bare(session), session.jid))
    return payload !== undefined
  }

  /** To a full JID, or to all available resources. */
  function pass(session: Session, stanza: Stanza, { local, resource }: Jid): boolean {
    const all = [...(sessions.get(local)?.values() ?? [])]
    const readers = all.filter(each => (resource ? each.resource === resource : available.has(each)))
    for (const reader of readers) reader.send(readdress(stanza, session.jid, stanza.to ?? reader.jid))
    return readers.length > 0
  }

  const areContacts = ({ account }: Session, other: Session) =>
    account === other.account || (users.has(account) && users.has(other.account))

  function disappear(session: Session, stanza: Stanza): void {
    if (!available.delete(session)) return
    for (const other of available.keys())
      if (areContacts(session, other)) other.send(readdress(stanza, session.jid, other.jid))
  }

  /** RFC 6121 §4.3. */
  function answerProbe(session: Session, local: string | undefined): void {
    for (const [other, presence] of available)
      if (other.account === local && other !== session && areContacts(session, other))
        session.send(readdress(presence, other.jid, session.jid))
  }

  /** RFC 6121 §4.2 to §4.5. */
  function receivePresence(session: Session, stanza: Stanza): void {
    if (stanza.type === 'unavailable') disappear(session, stanza)
    if (stanza.type !== undefined) return
    const isInitial = !available.has(session)
    available.set(session, stanza)
    for (const [other, presence] of available) {
      if (!areContacts(session, other)) continue
      other.send(readdress(stanza, session.jid, other.jid))
      if (isInitial && other !== session) session.send(readdress(presence, other.jid, session.jid))
    }
  }

  return {
    /** RFC 6120 §7.7.2.2. */
    bind(session: Session): void {
      const own = sessions.get(session.account) ?? new Map<string, Session>()
      own.get(session.resource)?.end('conflict')
      sessions.set(session.account, own.set(session.resource, session))
    },

    leave(session: Session): void {
      const own = sessions.get(session.account)!
      if (own.get(session.resource) === session) own.delete(session.resource)
      if (own.size === 0) sessions.delete(session.account)
      disappear(session, unavailable)
    },

    receive(session: Session, stanza: Stanza) {
      const { name, type, to: given } = stanza
      if (name === 'presence' && given === undefined) return receivePresence(session, stanza)
      const to = readAddress(given ?? bare(session))
      if (name === 'presence' && type === 'probe') return answerProbe(session, to?.local)
      const isAnswered = name === 'iq' && to?.resource === undefined
      const isDone = to && (isAnswered ? answer(session, stanza, to) : pass(session, stanza, to))
      // RFC 6120 §8.3.1.
      if (!isDone && type !== 'error' && type !== 'result' && name !== 'presence')
        session.send(errorReply(stanza, given ?? bare(session), session.jid))
    },
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
  users: ReadonlySet<string>,
): string | undefined {
  switch (`${type} ${namespace} ${name}`) {
    case `get ${roster} query`:
      return to.local === asker ? writeRoster(asker, users) : undefined
    case `set ${sessionNamespace} session`:
    case `get ${pingNamespace} ping`:
      return to.local === '' || to.local === asker ? '' : undefined
    default:
      return undefined
  }
}

function writeRoster(asker: string, users: ReadonlySet<string>): string {
  const items = [...(users.has(asker) ? users : [])]
    .filter(name => name !== asker)
    .map(name => `<item jid='${escapeXml(name)}@${domain}' name='${escapeXml(titleOf(name))}' subscription='both'/>`)
  return `<query xmlns='${roster}'>${items.join('')}</query>`
}
