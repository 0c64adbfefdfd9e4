import type { Config } from '../config/config.js'
import { Problem } from '../errors.js'
import { prepareDomain } from '../jid/domains.js'
import { type Jid, parseJid } from '../jid/jid.js'
import type { Credentials } from '../login/wish.js'
import type { Parameters } from './call-parameters.js'
import { missingParameter } from './parameter-kinds.js'
import { defaultTokenMechanism, invalidParameter } from './parameters.js'

/** How users may log in for whom a call has neither password nor token, as the operator has set it up. */
export interface PasswordlessWays extends Pick<Config, 'serviceAccounts' | 'servers' | 'remotes'> {
  /** Whether a bare domain logs in without an account. */
  readonly anonymous: boolean
}

/**
 * The user that a call asks a session for, and the credentials. Throws a `Problem`; its detail names the parameter and
 * never its value.
 */
export function readCredentials(
  read: Parameters,
  ways: PasswordlessWays,
): { jid: Jid; credentials: Credentials } {
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
  if (ways.anonymous && !bringsProof && authzid === undefined) {
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
function withoutProof({ domain }: Jid, { serviceAccounts, servers, remotes }: PasswordlessWays): Credentials {
  const account = serviceAccounts.get(domain) ?? serviceAccounts.get('*')
  if (account !== undefined) return { kind: 'service', account }
  const server = servers.get(domain) ?? (remotes.has(domain) ? undefined : servers.get('*'))
  if (server?.certificate !== undefined) return { kind: 'certificate' }
  throw missingParameter('password')
}
