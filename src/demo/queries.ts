import type { Jid } from '../xmpp/jid/jid.js'
import { pingNamespace, sessionNamespace } from '../xmpp/namespaces.js'
import type { Element } from '../xmpp/xml/element.js'
import { escapeXml } from '../xmpp/xml/escape.js'
import { domain } from './stanza.js'
import { titleOf } from './title.js'

const discoInfo = 'http://jabber.org/protocol/disco#info'
const roster = 'jabber:iq:roster'

/** Content of the result (RFC 6120 §10.3). Undefined: not supported. */
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
      // Accepts changes of the roster without making them.
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

/** All other accounts, with both subscriptions (RFC 6121 §2.1). */
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
