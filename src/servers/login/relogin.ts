import type { ServiceAccount } from '../../config/config.js'
import type { Credentials, LoginRequest } from './login-request.js'
import type { HashedToken } from './sasl/hashed-token.js'
import type { Mechanism } from './sasl/mechanism.js'

/** A request without the user's password, if the login can be repeated. */
export function reloginRequest(
  { jid, credentials }: LoginRequest,
  mechanism: Mechanism | undefined,
  token: HashedToken | undefined,
): LoginRequest | undefined {
  const { kind } = credentials
  if (kind === 'anonymous') return undefined
  if (kind !== 'password' && kind !== 'keys') return { jid, credentials }
  if (token !== undefined) return { jid, credentials: { kind: 'fast', token } }
  const proof = mechanism?.proof
  return proof && { jid, credentials: { kind: 'keys', proof } }
}

/** Call this if the login will not be repeated. */
export function giveBackAgent(request: LoginRequest | undefined): void {
  if (request?.credentials.kind === 'fast') request.credentials.token.giveBack?.()
}

export function isRepeatable({ credentials: { kind } }: LoginRequest, { name }: Mechanism): boolean {
  return kind === 'password' || kind === 'keys' ? name.startsWith('SCRAM-') : kind !== 'anonymous'
}

/** The request as JSON. Secret. The operator's account is left out. */
export interface ReloginRecord extends Pick<LoginRequest, 'jid'> {
  readonly lang: string
  readonly credentials: Exclude<Credentials, { readonly kind: 'service' }> | { readonly kind: 'service' }
}

export function recordOf({ jid, credentials }: LoginRequest, lang: string): ReloginRecord | undefined {
  const { kind } = credentials
  if (kind === 'password' || kind === 'anonymous') return undefined
  return { jid, lang, credentials: kind === 'service' ? { kind } : credentials }
}

export function requestOf(record: ReloginRecord, account: ServiceAccount | undefined): LoginRequest | undefined {
  const { jid, credentials } = record
  if (credentials.kind !== 'service') return { jid, credentials }
  return account && { jid, credentials: { kind: 'service', account } }
}
