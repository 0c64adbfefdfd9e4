import type { ServiceAccount } from '../../config/config.js'
import type { Credentials, LoginRequest } from './login-request.js'
import { HashedToken } from './sasl/hashed-token.js'
import type { Mechanism } from './sasl/mechanism.js'
import { type ScramProof, scramProof, wipe } from './sasl/scram-proof.js'

/** A request without the user's password, if the login can be repeated. */
export function reloginRequest(
  { jid, credentials }: LoginRequest,
  mechanism: Mechanism | undefined,
  token: HashedToken | undefined,
): LoginRequest | undefined {
  switch (credentials.kind) {
    case 'password':
    case 'keys': {
      const proof = mechanism?.proof
      if (token !== undefined) return { jid, credentials: { kind: 'fast', token } }
      return proof && { jid, credentials: { kind: 'keys', proof } }
    }
    case 'fast':
    case 'token':
    case 'service':
    case 'certificate':
      return { jid, credentials }
    case 'anonymous':
      return undefined
  }
}

export function wipeSecrets(request: LoginRequest | undefined): void {
  const credentials = request?.credentials
  if (credentials?.kind === 'keys') wipe(credentials.proof)
  if (credentials?.kind === 'fast') credentials.token.wipe()
}

export function isRepeatable({ credentials: { kind } }: LoginRequest, { name }: Mechanism): boolean {
  return kind === 'password' || kind === 'keys' ? name.startsWith('SCRAM-') : kind !== 'anonymous'
}

/** Credentials as JSON. Secret. */
export type Secrets =
  | { readonly kind: 'keys'; readonly proof: ProofRecord }
  | { readonly kind: 'fast'; readonly token: TokenRecord }
  | { readonly kind: 'token'; readonly token: string; readonly mechanism: string }
  | { readonly kind: 'service' }
  | { readonly kind: 'certificate' }

export type ProofRecord = { readonly [Name in keyof ScramProof]: Plain<ScramProof[Name]> }
type TokenRecord = Pick<HashedToken, 'mechanism' | 'user' | 'secret'> & { readonly agent: string }
type Plain<T> = T extends Buffer ? string : T

export interface ReloginRecord extends Pick<LoginRequest, 'jid'> {
  readonly lang: string
  readonly credentials: Secrets
}

export function recordOf({ jid, credentials }: LoginRequest, lang: string): ReloginRecord | undefined {
  const secrets = secretsOf(credentials)
  return secrets && { jid, lang, credentials: secrets }
}

function secretsOf(credentials: Credentials): Secrets | undefined {
  switch (credentials.kind) {
    case 'keys':
      return { kind: 'keys', proof: proofInText(credentials.proof) }
    case 'fast': {
      const { mechanism, user, secret, agent } = credentials.token
      return { kind: 'fast', token: { mechanism, user, secret, agent: agent.id } }
    }
    case 'service':
      return { kind: 'service' }
    case 'token':
    case 'certificate':
      return credentials
    default:
      return undefined
  }
}

export function requestOf(record: ReloginRecord, account: ServiceAccount | undefined): LoginRequest | undefined {
  const credentials = credentialsOf(record.credentials, account)
  return credentials && { jid: record.jid, credentials }
}

function credentialsOf(secrets: Secrets, account: ServiceAccount | undefined): Credentials | undefined {
  switch (secrets.kind) {
    case 'keys':
      return { kind: 'keys', proof: proofInBytes(secrets.proof) }
    case 'fast': {
      const { mechanism, user, secret, agent } = secrets.token
      // Only the process that made the user agent can give the id back.
      const token = new HashedToken(mechanism, user, { id: agent, giveBack() {} }, inBytes(secret))
      return { kind: 'fast', token }
    }
    case 'service':
      return account && { kind: 'service', account }
    default:
      return secrets
  }
}

const inText = (bytes: Buffer) => bytes.toString('base64')
const inBytes = (text: string) => Buffer.from(text, 'base64')

export function proofInText(proof: ScramProof): ProofRecord {
  const { salt, clientKey, serverKey } = proof
  return { ...proof, salt: inText(salt), clientKey: inText(clientKey), serverKey: inText(serverKey) }
}

export function proofInBytes(proof: ProofRecord): ScramProof {
  const { salt, clientKey, serverKey } = proof
  return scramProof({ ...proof, salt: inBytes(salt), clientKey: inBytes(clientKey), serverKey: inBytes(serverKey) })
}
