import type { Jid } from '../xmpp/jid/jid.js'
import { pingNamespace, sessionNamespace } from '../xmpp/namespaces.js'
import { childrenOf, textOf } from '../xmpp/xml/document.js'
import type { Element } from '../xmpp/xml/element.js'
import { escapeXml } from '../xmpp/xml/escape.js'
import { type Condition, domain, errorReply, readAddress, readdress, reply, type Stanza, titleOf } from './stanza.js'

const mostStored = 100

export interface Session {
  readonly account: string
  readonly resource: string
  readonly jid: string
  send(text: string): void
  end(condition: 'conflict'): void
}

interface Inbox {
  readonly sessions: Map<string, Session>
  readonly stored: string[]
}

/** RFC 6120 §10, RFC 6121 §8. */
export class Delivery {
  readonly #inboxes: ReadonlyMap<string, Inbox>
  /** Last presence of each available resource (RFC 6121 §4.2). */
  readonly #available = new Map<Session, Stanza>()

  constructor(names: Iterable<string>) {
    this.#inboxes = new Map([...names].map(name => [name, { sessions: new Map(), stored: [] }]))
  }

  /** RFC 6120 §7.7.2.2. */
  bind(session: Session): void {
    const { sessions } = this.#inboxes.get(session.account)!
    sessions.get(session.resource)?.end('conflict')
    sessions.set(session.resource, session)
  }

  leave(session: Session): void {
    const { sessions } = this.#inboxes.get(session.account)!
    if (sessions.get(session.resource) === session) sessions.delete(session.resource)
    if (!this.#available.delete(session)) return
    const from = escapeXml(session.jid)
    for (const other of this.#available.keys()) {
      const to = escapeXml(other.jid)
      other.send(`<presence xmlns='jabber:client' type='unavailable' from='${from}' to='${to}'/>`)
    }
  }

  receive(session: Session, stanza: Stanza): void {
    const condition = this.#deliver(session, stanza)
    const { name, type } = stanza
    // RFC 6120 §8.3.1.
    const isAnswer = type === 'error' || name === 'presence' || (name === 'iq' && type === 'result')
    if (condition === undefined || isAnswer) return
    session.send(errorReply(stanza, condition, stanza.to ?? bare(session), session.jid))
  }

  #deliver(session: Session, stanza: Stanza): Condition | undefined {
    const to = readAddress(stanza.to ?? bare(session))
    if (to === undefined) return 'jid-malformed'
    if (to.domain !== domain) return 'remote-server-not-found'
    if (stanza.name === 'iq') return this.#receiveIq(session, stanza, to)
    if (stanza.name === 'message') return this.#receiveMessage(session, stanza, to)
    if (stanza.to === undefined) this.#receivePresence(session, stanza)
    else this.#directPresence(session, stanza, to)
    return undefined
  }

  #receiveIq(session: Session, stanza: Stanza, to: Jid): Condition | undefined {
    const { type } = stanza
    const isRequest = type === 'get' || type === 'set'
    const isIq = isRequest || type === 'result' || type === 'error'
    if (stanza.start.attribute('id') === undefined || !isIq) return 'bad-request'
    if (to.local !== '' && to.resource !== undefined) return this.#deliverToResource(session, stanza, to)
    if (!isRequest) return undefined
    const [query, ...more] = childrenOf(stanza.text)
    if (query === undefined || more.length > 0) return 'bad-request'
    const payload = answerQuery(type, query, to, session.account, this.#inboxes.keys())
    if (payload === undefined) return 'service-unavailable'
    session.send(reply(stanza, 'result', payload, stanza.to ?? bare(session), session.jid))
    return undefined
  }

  #receiveMessage(session: Session, stanza: Stanza, to: Jid): Condition | undefined {
    const inbox = this.#inboxes.get(to.local)
    if (inbox === undefined) return 'service-unavailable'
    if (to.resource !== undefined) return this.#deliverToResource(session, stanza, to)
    if (stanza.type === 'groupchat') return 'service-unavailable'
    const text = readdress(stanza, session.jid, stanza.to ?? bare(session))
    // RFC 6121 §8.5.2.1.
    const readers = [...inbox.sessions.values()].filter(each => priorityOf(this.#available.get(each)) >= 0)
    for (const reader of readers) reader.send(text)
    if (readers.length > 0 || !isKept(stanza)) return undefined
    if (inbox.stored.length >= mostStored) return 'service-unavailable'
    const stamp = new Date().toISOString()
    const end = text.lastIndexOf('</')
    const delay = `<delay xmlns='urn:xmpp:delay' from='${domain}' stamp='${stamp}'/>`
    inbox.stored.push(text.slice(0, end) + delay + text.slice(end))
    return undefined
  }

  #deliverToResource(session: Session, stanza: Stanza, { local, resource = '' }: Jid): Condition | undefined {
    const target = this.#inboxes.get(local)?.sessions.get(resource)
    target?.send(readdress(stanza, session.jid, stanza.to ?? target.jid))
    return target === undefined ? 'service-unavailable' : undefined
  }

  /** RFC 6121 §4.2 to §4.5. */
  #receivePresence(session: Session, stanza: Stanza): void {
    if (stanza.type === 'unavailable') {
      if (!this.#available.delete(session)) return
      for (const other of this.#available.keys()) other.send(readdress(stanza, session.jid, other.jid))
      return
    }
    if (stanza.type !== undefined) return
    const isInitial = !this.#available.has(session)
    this.#available.set(session, stanza)
    for (const [other, presence] of this.#available) {
      other.send(readdress(stanza, session.jid, other.jid))
      if (isInitial && other !== session) session.send(readdress(presence, other.jid, session.jid))
    }
    if (priorityOf(stanza) < 0) return
    for (const message of this.#inboxes.get(session.account)!.stored.splice(0)) session.send(message)
  }

  #directPresence(session: Session, stanza: Stanza, { local, resource }: Jid): void {
    if (stanza.type === 'probe') this.#answerProbe(session, local)
    if (stanza.type !== undefined && stanza.type !== 'unavailable') return
    for (const other of this.#inboxes.get(local)?.sessions.values() ?? []) {
      const isMeant = resource === undefined ? this.#available.has(other) : other.resource === resource
      if (isMeant) other.send(readdress(stanza, session.jid, stanza.to ?? other.jid))
    }
  }

  /** RFC 6121 §4.3. */
  #answerProbe(session: Session, local: string): void {
    for (const [other, presence] of this.#available) {
      if (other.account === local && other !== session) session.send(readdress(presence, other.jid, session.jid))
    }
  }
}

function bare({ account }: Session): string {
  return `${account}@${domain}`
}

/** Chat states and headlines are not stored (XEP-0160 §3). */
function isKept({ type, text }: Stanza): boolean {
  return type !== 'error' && type !== 'headline' && childrenOf(text).some(({ name }) => name === 'body')
}

/** RFC 6121 §4.7.2.3. Negative without presence, so that the resource gets no messages. */
function priorityOf(presence: Stanza | undefined): number {
  if (presence === undefined) return -1
  const priority = childrenOf(presence.text).find(({ name }) => name === 'priority')
  const number = Number(priority === undefined ? 0 : textOf(priority.text))
  return Number.isInteger(number) && number >= -128 && number <= 127 ? number : 0
}

const discoInfo = 'http://jabber.org/protocol/disco#info'
const roster = 'jabber:iq:roster'

/** RFC 6120 §10.3. Undefined if the query is not supported. */
function answerQuery(
  type: 'get' | 'set',
  { namespace, name }: Element,
  to: Jid,
  asker: string,
  accounts: Iterable<string>,
): string | undefined {
  const isOwn = to.local === asker
  if (to.local !== '' && !isOwn) return undefined
  switch (`${type} ${namespace} ${name}`) {
    case `get ${roster} query`:
      return isOwn ? writeRoster(asker, accounts) : undefined
    case `set ${roster} query`:
      return isOwn ? '' : undefined
    case `set ${sessionNamespace} session`:
    case `get ${pingNamespace} ping`:
      return ''
    case `get ${discoInfo} query`:
      return writeInfo(isOwn)
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

function writeInfo(isOwn: boolean): string {
  const identity = isOwn
    ? `<identity category='account' type='registered'/>`
    : `<identity category='server' type='im' name='warm-bindings demo'/>`
  const features = isOwn ? [discoInfo] : [discoInfo, pingNamespace, roster]
  const list = features.map(feature => `<feature var='${feature}'/>`).join('')
  return `<query xmlns='${discoInfo}'>${identity}${list}</query>`
}
