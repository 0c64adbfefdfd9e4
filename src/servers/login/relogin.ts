import type { Credentials, LoginRequest, OperatorLogin } from './login-request.js'
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

/** The request as JSON. Secret. What the operator has for all users is left out. */
export interface ReloginRecord extends Pick<LoginRequest, 'jid'> {
  readonly lang: string
  readonly credentials: Exclude<Credentials, OperatorLogin> | { readonly kind: 'service' }
}

export function reloginRecordOf({ jid, credentials }: LoginRequest, lang: string): ReloginRecord | undefined {
  const { kind } = credentials
  if (kind === 'password' || kind === 'anonymous') return undefined
  return { jid, lang, credentials: kind === 'service' || kind === 'signed' ? { kind: 'service' } : credentials }
}

/** `ofOperator`: may have changed since the record was made. */
export function requestOf(record: ReloginRecord, ofOperator: OperatorLogin | undefined): LoginRequest | undefined {
  const { jid, credentials } = record
  if (credentials.kind !== 'service') return { jid, credentials }
  return ofOperator && { jid, credentials: ofOperator }
}
