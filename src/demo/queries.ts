import { sessionNamespace } from '../namespaces.js'
import { childrenOf } from '../xml/children.js'
import { escapeXml } from '../xml/escape.js'
import { type Address, domain, type Stanza, type StanzaCondition } from './stanza.js'

const discoInfo = 'http://jabber.org/protocol/disco#info'
const ping = 'urn:xmpp:ping'
const roster = 'jabber:iq:roster'

/** What the server says to an IQ: the payload of its result, or why it does not do it. */
export type Answer = { readonly payload: string } | { readonly condition: StanzaCondition }

const done: Answer = { payload: '' }
const unavailable: Answer = { condition: 'service-unavailable' }

/** Answers a request to the server, or to an account in whose name the server answers (RFC 6120 §10.3). */
export function answerQuery(stanza: Stanza, to: Address, asker: string, names: Iterable<string>): Answer {
  const [child, ...more] = childrenOf(stanza.text)
  if (child === undefined || more.length > 0) return { condition: 'bad-request' }
  const isOwn = to.account === asker
  if (to.account !== undefined && !isOwn) return unavailable

  switch (`${stanza.type} ${child.namespace} ${child.name}`) {
    case `get ${roster} query`:
      return isOwn ? { payload: writeRoster(asker, names) } : unavailable
    case `set ${roster} query`:
      // The contacts are what they are; a client that renames one is not to stumble over it.
      return isOwn ? done : unavailable
    case `set ${sessionNamespace} session`:
    case `get ${ping} ping`:
      return done
    case `get ${discoInfo} query`:
      return { payload: writeInfo(isOwn) }
    default:
      return unavailable
  }
}

/** All accounts but the one that asks, each subscribed to the other (RFC 6121 §2.1). */
function writeRoster(asker: string, names: Iterable<string>): string {
  const items = [...names]
    .filter(name => name !== asker)
    .map(name => `<item jid='${escapeXml(name)}@${domain}' name='${escapeXml(name)}' subscription='both'/>`)
  return `<query xmlns='${roster}'>${items.join('')}</query>`
}

function writeInfo(isOwn: boolean): string {
  const identity = isOwn
    ? `<identity category='account' type='registered'/>`
    : `<identity category='server' type='im' name='warm-bindings demo'/>`
  const features = isOwn ? [discoInfo] : [discoInfo, ping, roster]
  const list = features.map(feature => `<feature var='${feature}'/>`).join('')
  return `<query xmlns='${discoInfo}'>${identity}${list}</query>`
}
