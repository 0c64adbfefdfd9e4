import type { Config } from '../config/config.js'
import { passwordMechanisms } from '../config/kinds.js'
import { Problem } from '../errors.js'
import { prepareDomain } from '../jid/domains.js'
import type { Jid } from '../jid/jid.js'
import { parseJid } from '../jid/jid.js'
import type { Credentials } from '../login/wish.js'
import { longestPassword, longestToken } from './allowed-values.js'
import { invalidParameter, missingParameter, type Parameters, readText } from './call-parameters.js'

/** How users may log in for whom a call has neither password nor token, as the operator has set it up. */
export interface PasswordlessWays extends Pick<Config, 'serviceAccounts' | 'servers' | 'remotes'> {
  /** Whether a bare domain logs in without an account. */
  readonly anonymous: boolean
}

/** The mechanism for a token, unless the call names another. */
export const defaultTokenMechanism = 'OAUTHBEARER'
/** Mechanisms that do not take a token. */
export const otherMechanisms: ReadonlySet<string> = new Set([...passwordMechanisms, 'EXTERNAL', 'ANONYMOUS'])

/**
 * The user that a call asks a session for, and the credentials. Throws a `Problem`; its detail names the parameter and
 * never its value.
 */
export function readCredentials(
  parameters: Parameters,
  ways: PasswordlessWays,
): { jid: Jid; credentials: Credentials } {
  const text = readText(parameters, 'jid')
  const authzid = readAuthzid(parameters)
  const password = readPassword(parameters)
  const token = readToken(parameters)
  const mechanism = readMechanism(parameters)
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

/** The password as it was sent; which characters it may have is for the SASL mechanism to say. */
function readPassword(parameters: Parameters): string | undefined {
  const password = readText(parameters, 'password')
  // NUL ends a field of SASL PLAIN (RFC 4616 §2), so no password has one.
  if (password !== undefined && (password.includes('\0') || Buffer.byteLength(password) > longestPassword))
    throw invalidParameter('password')
  return password
}

/** Wider than RFC 6750 §2.1: what servers issue on their own is not always base64. */
function readToken(parameters: Parameters): string | undefined {
  const token = readText(parameters, 'token')
  if (token !== undefined && (token.length > longestToken || !/^[\x21-\x7e]+$/.test(token)))
    throw invalidParameter('token')
  return token
}

/** The name of a mechanism (RFC 4422 §3.1) that takes a token. */
function readMechanism(parameters: Parameters): string | undefined {
  const mechanism = readText(parameters, 'mechanism')
  if (mechanism !== undefined && (!/^[A-Z0-9_-]{1,20}$/.test(mechanism) || otherMechanisms.has(mechanism)))
    throw invalidParameter('mechanism')
  return mechanism
}

function readAuthzid(parameters: Parameters): Jid | undefined {
  const text = readText(parameters, 'authzid')
  if (text === undefined) return undefined
  const jid = parseJid(text)
  if (jid === undefined) throw invalidParameter('authzid')
  return jid
}
