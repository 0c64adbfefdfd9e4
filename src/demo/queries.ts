import type { Jid } from '../xmpp/jid/jid.js'
import { pingNamespace, sessionNamespace } from '../xmpp/namespaces.js'
import type { Element } from '../xmpp/xml/element.js'
import { escapeXml } from '../xmpp/xml/escape.js'
import { domain } from './stanza.js'
import { titleOf } from './title.js'

const discoInfo = 'http://jabber.org/protocol/disco#info'
const roster = 'jabber:iq:roster'

/** What goes into the result of a request to the server or an account (RFC 6120 §10.3); undefined where it is not done. */
export function answerQuery(
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
      // The contacts are what they are; a client that renames one is not to stumble over it.
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

/** All accounts but the one that asks, each subscribed to the other (RFC 6121 §2.1). */
function writeRoster(asker: string, names: Iterable<string>): string {
  const items = [...names]
    .filter(name => name !== asker)
    .map(
      name =>
        `<item jid='${escapeXml(name)}@${domain}' name='${escapeXml(titleOf(name))}' subscription='both'/>`,
    )
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
