import { Problem } from '../../lib/errors.js'
import { type Jid, parseJid } from '../../xmpp/jid/jid.js'
import { bindNamespace, isNamed } from '../../xmpp/namespaces.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { childrenOf, textOf } from '../../xmpp/xml/document.js'
import type { Credentials, LoginRequest } from './login-request.js'

/** Returns the JID in the server's spelling. */
export function boundJid(iq: string, request: LoginRequest): string {
  const bind = childrenOf(iq).find(isNamed('bind', bindNamespace))
  const jid = bind && childrenOf(bind.text).find(({ name }) => name === 'jid')
  return checkedJid(jid === undefined ? '' : copyOf(textOf(jid.text)), request)
}

export function checkedJid(text: string, { jid: asked, credentials }: LoginRequest): string {
  const bound = parseJid(text)
  if (bound?.resource === undefined) throw new Problem('remote-protocol-error', { step: 'bind' })
  if (isWanted(bound, asked, credentials)) return text
  const account = accountOf(credentials)
  const isItself = account !== undefined && bound.domain === asked.domain && isSameName(bound.local, account)
  throw new Problem('jid-mismatch', { step: 'bind', detail: isItself ? ignoredAuthzid : undefined })
}

const ignoredAuthzid =
  'It ignored the authzid, and logged the account in as itself. Prosody needs deploy/prosody/mod_service_account.lua. ' +
  'Other servers may need PLAIN in XMPP_MECHANISMS. See "A service account" in docs/api.md.'

/** The account that acts for the user (RFC 6120 §6.3.8), if there is one. */
export function accountOf(credentials: Credentials): string | undefined {
  switch (credentials.kind) {
    case 'password':
      return credentials.user
    case 'service':
      return credentials.account.user
    case 'keys':
      return credentials.proof.authzid === '' ? undefined : credentials.proof.user
    default:
      return undefined
  }
}

export function logsInAsItself(credentials: Credentials): boolean {
  return credentials.kind !== 'anonymous' && accountOf(credentials) === undefined
}

function isWanted(bound: Jid, asked: Jid, credentials: Credentials): boolean {
  if (bound.domain !== asked.domain) return false
  if (credentials.kind === 'anonymous') return true
  // For what logs in any user, strasse and straße must be different users.
  const actsForOthers = ['certificate', 'signed'].includes(credentials.kind) || !logsInAsItself(credentials)
  return actsForOthers ? bound.local === asked.local : isSameName(bound.local, asked.local)
}

export function isSameName(one: string, other: string): boolean {
  return folded(one) === folded(other)
}

/** Names are equal here if RFC 6122 or RFC 7613 makes them equal, because servers follow either. */
function folded(local: string): string {
  return local.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}
