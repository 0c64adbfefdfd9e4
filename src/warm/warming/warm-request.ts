import type { Config } from '../../config/config.js'
import { accountFor, isElsewhere } from '../../config/serving.js'
import { Problem } from '../../lib/errors.js'
import { isSameName } from '../../servers/login/bound-user.js'
import { type Credentials, operatorLogin } from '../../servers/login/login-request.js'
import type { Handover } from '../../session/session-types.js'
import type { TabKey } from '../../store/store.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { formatBareJid, type Jid, userOf } from '../../xmpp/jid/jid.js'
import { defaultHold } from '../../xmpp/page-binding.js'
import { missingParameter } from '../parameter-kinds.js'
import { defaultTokenMechanism, demandJid, invalidParameter } from '../parameters.js'
import type { Parameters } from '../read-parameters.js'
import type { WarmRequest } from './session-login.js'

type OptionLimits = Pick<Config['bosh'], 'maxWait' | 'maxRequests'>

export interface WarmSettings extends Pick<Config, 'serviceAccounts' | 'loginKeys' | 'servers' | 'remotes' | 'remote'> {
  readonly bosh: OptionLimits & Pick<Config['bosh'], 'attachBinding'>
  readonly warm: Pick<Config['warm'], 'attachSeconds' | 'anonymous'>
}

/** The largest values of XEP-0124 §22: remote endpoints have limits of their own. */
const limitsElsewhere = { maxWait: 65535, maxRequests: 256, attachBinding: 'off' } as const

export type OpenCredential = (jid: Jid, credential: string) => Credentials | Problem

const openNone: OpenCredential = () => invalidParameter('credential')

/** A call that resumes its session needs no usable credentials, so their problem waits until a login needs them. */
export type AskedSession = Omit<WarmRequest, 'credentials'> & { readonly credentials: Credentials | Problem }

type Page = Omit<TabKey, 'admin'>

/** Throws a `Problem`, which never quotes values. */
export function toWarmRequest(sent: Parameters, settings: WarmSettings): WarmRequest {
  return demandCredentials(toAskedSession(sent, settings))
}

export function demandCredentials<Asked extends Pick<AskedSession, 'credentials'>>(asked: Asked) {
  const { credentials } = asked
  if (credentials instanceof Problem) throw credentials
  return { ...asked, credentials }
}

export function toAskedSession(
  sent: Parameters,
  settings: WarmSettings,
  open = openNone,
  mayBeAnonymous = settings.warm.anonymous,
) {
  const { jid, credentials } = readCredentials(sent, settings, open, mayBeAnonymous)
  const page = readPage(sent, jid)
  const isThere = isElsewhere(settings, jid.domain)
  const bosh = isThere ? { ...settings.bosh, ...limitsElsewhere } : settings.bosh
  const options = readOptions(sent, bosh)
  const { seconds: attachSeconds, attachBinding } = toHandover(sent, { warm: settings.warm, bosh })
  if (isThere && attachBinding !== 'off') throw invalidParameter('attach_binding')
  // Some endpoints never answer clients with `hold` 0.
  const hold = Math.max(options.hold, isThere ? 1 : 0)
  return { jid, credentials, page, ...options, hold, attachSeconds, attachBinding }
}

function readPage({ visit, tab }: Parameters, jid: Jid): Page | undefined {
  if (visit === undefined && tab !== undefined) throw missingParameter('visit', 'It is needed with tab.')
  return visit === undefined ? undefined : { user: userOf(formatBareJid(jid)), visit, tab: tab ?? '' }
}

export function toHandover(sent: Parameters, { warm, bosh }: Pick<WarmSettings, 'warm' | 'bosh'>): Handover {
  const { expires_in: seconds = warm.attachSeconds, attach_binding: attachBinding = bosh.attachBinding } = sent
  return { seconds, attachBinding }
}

export const usualOptions = (limits: OptionLimits) => readOptions({}, limits)

function readOptions(sent: Parameters, { maxWait, maxRequests }: OptionLimits) {
  const { lang = 'en', language = lang, wait = 60, hold = defaultHold, ver = '1.6' } = sent
  // With all requests held, the client could not send.
  return { language, wait: Math.min(wait, maxWait), hold: Math.min(hold, maxRequests - 1), ver }
}

type Ways = Omit<WarmSettings, 'bosh' | 'remote'>

const noAnonymous = {
  detail: 'A domain alone is an anonymous login, which needs WARM_ANONYMOUS=on.',
  setting: 'WARM_ANONYMOUS',
}

export function readCredentials(
  { jid: text, authzid, password, token, mechanism, credential }: Parameters,
  ways: Ways,
  open = openNone,
  mayBeAnonymous = ways.warm.anonymous,
): Pick<AskedSession, 'jid' | 'credentials'> {
  if (password !== undefined && token !== undefined) throw invalidParameter('token')
  if (mechanism !== undefined && token === undefined) throw missingParameter('token', 'It is needed with mechanism.')
  if (credential !== undefined && (password ?? token ?? authzid) !== undefined) throw invalidParameter('credential')

  const bringsProof = (password ?? token ?? credential) !== undefined
  if (text === undefined) {
    if (authzid === undefined || bringsProof) throw missingParameter('jid')
    return { jid: authzid, credentials: withoutProof(authzid, ways) }
  }
  if (!bringsProof && authzid === undefined) {
    const domain = mayBeAnonymous || text.includes('.') ? prepareDomain(text) : undefined
    if (domain !== undefined && !mayBeAnonymous) throw new Problem('invalid-jid', noAnonymous)
    if (domain !== undefined)
      return { jid: { local: '', domain, resource: undefined }, credentials: { kind: 'anonymous' } }
  }
  const jid = demandJid(text)
  if (authzid !== undefined) {
    // An account acts only for users of its own domain. A token is for a single user, so it cannot act for another.
    if (token !== undefined || authzid.domain !== jid.domain) throw invalidParameter('authzid')
    if (password === undefined)
      return { jid: authzid, credentials: missingParameter('password', 'It is needed with jid and authzid.') }
    const user = authzid.local === jid.local ? undefined : jid.local
    return { jid: authzid, credentials: { kind: 'password', password, user } }
  }
  if (password !== undefined) return { jid, credentials: { kind: 'password', password } }
  if (credential !== undefined) return { jid, credentials: open(jid, credential) }
  if (token === undefined) return { jid, credentials: withoutProof(jid, ways) }
  return { jid, credentials: { kind: 'token', token, mechanism: mechanism ?? defaultTokenMechanism } }
}

function withoutProof(jid: Jid, ways: Ways): Credentials | Problem {
  const { servers, remotes } = ways
  const { domain } = jid
  if (isServiceAccount(jid, ways.serviceAccounts))
    return new Problem('authzid-refused', { detail: 'It is the service account itself.' })
  const login = operatorLogin(ways, domain)
  if (login !== undefined) return login
  const server = servers.get(domain) ?? (remotes.has(domain) ? undefined : servers.get('*'))
  if (server?.certificate !== undefined) return { kind: 'certificate' }
  return missingParameter(
    'password',
    'Or send token or credential. A jid alone needs XMPP_SERVICE_ACCOUNTS, XMPP_LOGIN_KEYS_FILE or a certificate.',
  )
}

/** Whether this user is the account that logs in the users of its domain. */
export function isServiceAccount({ local, domain }: Jid, serviceAccounts: Ways['serviceAccounts']): boolean {
  const account = accountFor(serviceAccounts, domain)
  return account !== undefined && isSameName(account.user, local)
}
