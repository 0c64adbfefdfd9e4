import type { ServiceAccount } from '../../config/config.js'
import { HashedToken } from './sasl/hashed-token.js'
import type { Mechanism } from './sasl/mechanism.js'
import { type ScramProof, scramProof, wipe } from './sasl/scram-proof.js'
import type { LoginWish } from './wish.js'

/** What a later login of the same user needs. Undefined for anonymous logins, and if the password itself would be needed. */
export function wishAgain(
  { jid, credentials }: LoginWish,
  mechanism: Mechanism | undefined,
  token: HashedToken | undefined,
): LoginWish | undefined {
  switch (credentials.kind) {
    case 'password':
    case 'keys': {
      const proof = mechanism?.proof
      if (token !== undefined) return { jid, credentials: { kind: 'fast', token, proof } }
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

export function wipeSecrets(wish: LoginWish | undefined): void {
  const credentials = wish?.credentials
  if (credentials?.kind !== 'keys' && credentials?.kind !== 'fast') return
  if (credentials.proof !== undefined) wipe(credentials.proof)
  if (credentials.kind === 'fast') credentials.token.wipe()
}

/** Whether `wishAgain` can repeat a login by this mechanism. */
export function isRepeatable({ credentials: { kind } }: LoginWish, { name }: Mechanism): boolean {
  return kind === 'password' || kind === 'keys' ? name.startsWith('SCRAM-') : kind !== 'anonymous'
}

type Secrets =
  | { readonly kind: 'keys'; readonly proof: ProofRecord }
  | { readonly kind: 'fast'; readonly token: TokenRecord; readonly proof: ProofRecord | undefined }
  | { readonly kind: 'token'; readonly token: string; readonly mechanism: string }
  /** An account in the settings. */
  | { readonly kind: 'service' }
  | { readonly kind: 'certificate' }

type ProofRecord = { readonly [Name in keyof ScramProof]: Plain<ScramProof[Name]> }
type TokenRecord = Pick<HashedToken, 'mechanism' | 'user' | 'secret'> & { readonly agent: string }
type Plain<T> = T extends Buffer ? string : T

/** JSON values for another process. Secret. */
export interface AgainRecord extends Pick<LoginWish, 'jid'> {
  readonly lang: string
  readonly credentials: Secrets
}

export function recordOf({ jid, credentials }: LoginWish, lang: string): AgainRecord | undefined {
  switch (credentials.kind) {
    case 'keys':
      return { jid, lang, credentials: { kind: 'keys', proof: proofInText(credentials.proof) } }
    case 'fast': {
      const { mechanism, user, secret, agent } = credentials.token
      const token = { mechanism, user, secret, agent: agent.id }
      const proof = credentials.proof && proofInText(credentials.proof)
      return { jid, lang, credentials: { kind: 'fast', token, proof } }
    }
    case 'service':
      return { jid, lang, credentials: { kind: 'service' } }
    case 'token':
    case 'certificate':
      return { jid, lang, credentials }
    default:
      return undefined
  }
}

/** Undefined if the settings no longer have the service account. */
export function wishOf({ jid, credentials }: AgainRecord, account: ServiceAccount | undefined): LoginWish | undefined {
  switch (credentials.kind) {
    case 'keys':
      return { jid, credentials: { kind: 'keys', proof: proofInBytes(credentials.proof) } }
    case 'fast': {
      const { mechanism, user, secret, agent } = credentials.token
      // The user agent's id belongs to the other process, so there is nothing to release.
      const token = new HashedToken(mechanism, user, { id: agent, release() {} }, inBytes(secret))
      return { jid, credentials: { kind: 'fast', token, proof: credentials.proof && proofInBytes(credentials.proof) } }
    }
    case 'service':
      return account && { jid, credentials: { kind: 'service', account } }
    default:
      return { jid, credentials }
  }
}

const inText = (bytes: Buffer) => bytes.toString('base64')
const inBytes = (text: string) => Buffer.from(text, 'base64')

function proofInText(proof: ScramProof): ProofRecord {
  const { salt, clientKey, serverKey } = proof
  return { ...proof, salt: inText(salt), clientKey: inText(clientKey), serverKey: inText(serverKey) }
}

function proofInBytes(proof: ProofRecord): ScramProof {
  const { salt, clientKey, serverKey } = proof
  return scramProof({ ...proof, salt: inBytes(salt), clientKey: inBytes(clientKey), serverKey: inBytes(serverKey) })
}
