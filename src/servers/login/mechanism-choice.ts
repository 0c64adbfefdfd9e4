import { passwordMechanisms } from '../../config/kinds/kinds.js'
import { Problem } from '../../lib/errors.js'
import { foreignList } from '../../lib/text/foreign-text.js'
import { formatBareJid } from '../../xmpp/jid/jid.js'
import type { Failure, LinkFacts } from '../../xmpp/link.js'
import type { FastTokens } from './fast-tokens.js'
import type { LoginRequest } from './login-request.js'
import { bindTo } from './sasl/channel-binding.js'
import { hashedToken } from './sasl/hashed-token.js'
import type { Mechanism, ScramProof } from './sasl/mechanism.js'
import type { SaltedPasswords, Waiting } from './sasl/salted-passwords.js'
import { type ScramParts, scram, scramHash } from './sasl/scram.js'
import { oauthBearer, plain, singleMessage } from './sasl/simple-mechanisms.js'
import { signedLogin } from './signed-login.js'
import type { SaslOffer } from './stream-features.js'

export interface MechanismParts {
  readonly mechanisms: readonly string[]
  readonly saltedPasswords: SaltedPasswords
  readonly scramMaxIterations: number
  readonly tokens?: FastTokens | undefined
}

interface Situation extends SaslOffer {
  readonly fast: readonly string[]
  readonly link: LinkFacts
  readonly waiting: Waiting
  /** The login is for SCRAM keys, so the password must not be sent. */
  readonly needsKeys?: boolean
}

type PasswordLogin = Pick<LoginRequest, 'jid'> & Pick<ScramParts, 'user' | 'secret' | 'isServiceAccount'>

/** If the chosen mechanism fails, the login tries no other (RFC 6120 §13.8). */
export function chooseMechanism(
  { jid, credentials }: LoginRequest,
  situation: Situation,
  parts: MechanismParts,
): Mechanism {
  const bareJid = formatBareJid(jid)
  const byPassword = (user: string, secret: string | ScramProof, isServiceAccount = false) =>
    passwordMechanism({ jid, user, secret, isServiceAccount }, situation, parts)
  switch (credentials.kind) {
    case 'password':
      return byPassword(credentials.user ?? jid.local, credentials.password)
    case 'service':
      return byPassword(credentials.account.user, credentials.account.password, true)
    case 'keys':
      return byPassword(credentials.proof.user, credentials.proof)
    case 'fast': {
      const { token } = credentials
      demand(token.mechanism, { ...situation, mechanisms: situation.fast }, situation.link.encrypted)
      return hashedToken(token, situation.link)
    }
    case 'token': {
      const { mechanism, token } = credentials
      demand(mechanism, situation, situation.link.plainAllowed)
      return mechanism === 'OAUTHBEARER' ? oauthBearer(bareJid, token) : plain(jid.local, token, '', mechanism)
    }
    case 'signed':
      demand('PLAIN', situation, situation.link.plainAllowed)
      return plain(jid.local, signedLogin(credentials.key, jid))
    case 'certificate':
      demand('EXTERNAL', situation, situation.link.encrypted)
      // RFC 4422 Appendix A: the link's certificate is the proof.
      return singleMessage('EXTERNAL', bareJid)
    case 'anonymous':
      demand('ANONYMOUS', situation, true)
      // RFC 4505, without trace information (XEP-0175 §3).
      return singleMessage('ANONYMOUS', '')
  }
}

function passwordMechanism(
  { jid, user, secret, isServiceAccount }: PasswordLogin,
  { mechanisms: offered, channelBindings, link, waiting, needsKeys = false }: Situation,
  { mechanisms: allowed, saltedPasswords, scramMaxIterations, tokens }: MechanismParts,
): Mechanism {
  const { domain, local } = jid
  // RFC 6120 §6.3.8.
  const authzid = user === local ? '' : formatBareJid(jid)
  const fits = (name: string) =>
    typeof secret === 'string' ? !needsKeys || name !== 'PLAIN' : scramHash(name) === secret.hash
  const mechanisms = allowed.filter(fits)
  // Some servers, such as ejabberd, ignore the authzid of SCRAM.
  const plainFirst = (a: string, b: string) => Number(b === 'PLAIN') - Number(a === 'PLAIN')
  const preferred = authzid === '' ? mechanisms : mechanisms.toSorted(plainFirst)
  const offersBinding = offered.some(isBound)
  const binding = preferred.some(isBound) ? bindTo(link, offersBinding ? channelBindings : undefined) : undefined
  const usable = preferred.filter(name => {
    if (!offered.includes(name)) return false
    if (isBound(name)) return binding !== undefined
    return name !== 'PLAIN' || link.plainAllowed
  })
  const unbound = usable.find(name => name !== 'PLAIN' && !isBound(name))
  let [name] = usable
  if (name === undefined)
    throw noMechanism(offered, reasonsAgainst(offered, passwordMechanisms.filter(fits), mechanisms, link))
  // The server may lack a guessed type, so a mechanism without -PLUS is safer.
  if (isBound(name) && binding?.guessed) name = unbound ?? name
  if (name === 'PLAIN' && typeof secret === 'string') return plain(user, secret, authzid)
  const isMissed = !offersBinding && binding !== undefined
  return scram(name, {
    domain,
    user,
    secret,
    isServiceAccount,
    authzid,
    onSalt: salt => tokens?.noteSalt(domain, user, salt),
    channelBinding: isBound(name) ? binding : isMissed ? 'not-offered' : undefined,
    saltedPasswords,
    maxIterations: scramMaxIterations,
    waiting,
  })
}

/** True if the first message has no secret (RFC 5802 §3), or only a proof (XEP-0484). */
export function isSafeAhead(name: string): boolean {
  return name.startsWith('SCRAM-') || name.startsWith('HT-')
}

/** RFC 5802 §4. */
function isBound(name: string): boolean {
  return name.endsWith('-PLUS')
}

function demand(name: string, { mechanisms, link }: Situation, isAllowed: boolean): void {
  if (!mechanisms.includes(name)) throw noMechanism(mechanisms, `The login needs ${name}.`)
  if (!isAllowed) throw noMechanism(mechanisms, needsEncryption(name, link))
}

/** `failure`: of a link that the server has ended for this reason. */
export function nothingOffered({ encrypted }: LinkFacts, failure?: Failure): Problem {
  return new Problem('no-mechanism', {
    step: 'features',
    condition: failure?.condition,
    detail: encrypted ? 'It offers none.' : nothingUnencrypted,
    server: failure?.server,
  })
}

const nothingUnencrypted =
  'It offers none on a link that is not encrypted. Give the server a certificate, and remove tls=none in XMPP_SERVERS. In a network that you trust, you can instead set c2s_require_encryption = false (Prosody) or starttls_required: false (ejabberd).'

function noMechanism(offered: readonly string[], why: string): Problem {
  const offer = offered.length === 0 ? 'nothing that is known' : foreignList(offered)
  return new Problem('no-mechanism', { step: 'sasl', detail: `It offers ${offer}. ${why}` })
}

function reasonsAgainst(
  offered: readonly string[],
  fitting: readonly string[],
  allowed: readonly string[],
  link: LinkFacts,
): string {
  const known = fitting.filter(name => offered.includes(name))
  if (known.length === 0) return `This login needs one of: ${fitting.join(', ')}.`
  const left = known.filter(name => !allowed.includes(name))
  const reasons: string[] = []
  if (left.length > 0) reasons.push(`XMPP_MECHANISMS leaves out ${left.join(', ')}.`)
  if (known.some(name => allowed.includes(name) && isBound(name)))
    reasons.push('Mechanisms with -PLUS need TLS, and a type of channel binding that the server and this service know.')
  if (allowed.includes('PLAIN') && known.includes('PLAIN')) reasons.push(needsEncryption('PLAIN', link))
  return reasons.join(' ')
}

function needsEncryption(name: string, { encrypted }: LinkFacts): string {
  const needs = `${name} needs an encrypted link`
  if (encrypted) return `${needs}.`
  const allowed = name === 'EXTERNAL' ? '' : `, or allow ${name} with plain=on`
  return `${needs}: in XMPP_SERVERS, remove tls=none or use https://${allowed}.`
}
