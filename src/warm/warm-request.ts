import type { Config } from '../config/config.js'
import { accountFor, isElsewhere } from '../config/serving.js'
import { Problem } from '../lib/errors.js'
import type { Credentials } from '../servers/login/wish.js'
import type { Handover } from '../session/sessions.js'
import { prepareDomain } from '../xmpp/jid/domains.js'
import { type Jid, parseJid } from '../xmpp/jid/jid.js'
import { noParameters, type Parameters } from './call-parameters.js'
import { missingParameter } from './parameter-kinds.js'
import { defaultTokenMechanism, invalidParameter } from './parameters.js'
import type { WarmRequest } from './session-login.js'

type OptionLimits = Pick<Config['bosh'], 'maxWait' | 'defaultHold' | 'maxRequests'>

/** Defaults and limits of what a call may ask for, and who may log in without a proof. */
export interface WarmSettings extends Pick<Config, 'serviceAccounts' | 'servers' | 'remotes' | 'remote'> {
  readonly bosh: OptionLimits & Pick<Config['bosh'], 'attachBinding'>
  readonly warm: Pick<Config['warm'], 'attachTimeout' | 'anonymous'>
}

/** What the protocol can express (XEP-0124 §22): a remote endpoint has limits of its own, and binds no session to a browser. */
const limitsElsewhere = { maxWait: 65535, maxRequests: 256, attachBinding: 'off' } as const

/** What the parameters of a warm call ask for. Throws a `Problem`; its detail names the parameter and never its value. */
export function toWarmRequest(read: Parameters, settings: WarmSettings): WarmRequest {
  const { jid, credentials } = readCredentials(read, settings)
  const isThere = isElsewhere(settings, jid.domain)
  const { warm } = settings
  const bosh = isThere ? { ...settings.bosh, ...limitsElsewhere } : settings.bosh
  const { hold, ...options } = readOptions(read, bosh)
  const { seconds: attachSeconds, attachBinding } = toHandover(read, { warm, bosh })
  // A caller that asks for what is not done there must be told so.
  if (isThere && attachBinding !== 'off') throw invalidParameter('attach_binding')
  // Not every endpoint answers clients that poll.
  const least = isThere ? 1 : 0
  return { jid, credentials, ...options, hold: Math.max(hold, least), attachSeconds, attachBinding }
}

/** How a session that is resumed waits for its page. Throws a `Problem`, as above. */
export function toHandover(read: Parameters, { warm, bosh }: Pick<WarmSettings, 'warm' | 'bosh'>): Handover {
  return {
    seconds: read('expires_in') ?? warm.attachTimeout,
    attachBinding: read('attach_binding') ?? bosh.attachBinding,
  }
}

/** What a call without options asks for, to fill the form with. */
export const usualOptions = (limits: OptionLimits) => readOptions(noParameters, limits)

function readOptions(read: Parameters, { maxWait, defaultHold, maxRequests }: OptionLimits) {
  // One request less than may be open: while all were held, the client could not send.
  const hold = Math.min(read('hold') ?? defaultHold, maxRequests - 1)
  // The documented name wins, but the other one must be right all the same.
  const [language, lang] = [read('language'), read('lang')]
  const wait = Math.min(read('wait') ?? 60, maxWait)
  return { language: language ?? lang ?? 'en', wait, hold, ver: read('ver') ?? '1.6' }
}

/** What settles how a user logs in for whom a call has neither password nor token. */
type Ways = Omit<WarmSettings, 'bosh' | 'remote'>

/** The user that a call asks a session for, and the credentials. Throws a `Problem`, as above. */
export function readCredentials(read: Parameters, ways: Ways): Pick<WarmRequest, 'jid' | 'credentials'> {
  const text = read('jid')
  const authzid = read('authzid')
  const password = read('password')
  const token = read('token')
  const mechanism = read('mechanism')
  if (password !== undefined && token !== undefined) throw invalidParameter('token')
  if (mechanism !== undefined && token === undefined) throw missingParameter('token')

  const bringsProof = password !== undefined || token !== undefined
  if (text === undefined) {
    if (authzid === undefined || bringsProof) throw missingParameter('jid')
    return { jid: authzid, credentials: withoutProof(authzid, ways) }
  }
  if (ways.warm.anonymous && !bringsProof && authzid === undefined) {
    const domain = prepareDomain(text)
    if (domain !== undefined)
      return { jid: { local: '', domain, resource: undefined }, credentials: { kind: 'anonymous' } }
  }
  const jid = parseJid(text)
  if (jid === undefined) throw new Problem('invalid-jid')
  if (authzid !== undefined) {
    // A user acts for another one of the same server only, and a token stands for one user anyway.
    if (token !== undefined || authzid.domain !== jid.domain) throw invalidParameter('authzid')
    if (password === undefined) throw missingParameter('password')
    const user = authzid.local === jid.local ? undefined : jid.local
    return { jid: authzid, credentials: { kind: 'password', password, user } }
  }
  if (password !== undefined) return { jid, credentials: { kind: 'password', password } }
  if (token === undefined) return { jid, credentials: withoutProof(jid, ways) }
  return { jid, credentials: { kind: 'token', token, mechanism: mechanism ?? defaultTokenMechanism } }
}

/** The operator's account comes first: the server decides which users it may act for, a certificate names its users. */
function withoutProof({ domain }: Jid, { serviceAccounts, servers, remotes }: Ways): Credentials {
  const account = accountFor(serviceAccounts, domain)
  if (account !== undefined) return { kind: 'service', account }
  const server = servers.get(domain) ?? (remotes.has(domain) ? undefined : servers.get('*'))
  if (server?.certificate !== undefined) return { kind: 'certificate' }
  throw missingParameter('password')
}
