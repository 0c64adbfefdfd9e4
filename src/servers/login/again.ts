import type { ServiceAccount } from '../../config/config.js'
import type { Mechanism } from './sasl/mechanism.js'
import { type ScramProof, scramProof } from './sasl/scram-proof.js'
import type { LoginWish } from './wish.js'

/** What a later login of the same user needs. Undefined if that is the password, or nobody's account. */
export function wishAgain({ jid, credentials }: LoginWish, mechanism: Mechanism | undefined): LoginWish | undefined {
  switch (credentials.kind) {
    case 'password':
    case 'keys': {
      const proof = mechanism?.proof
      return proof && { jid, credentials: { kind: 'keys', proof } }
    }
    case 'token':
    case 'service':
    case 'certificate':
      return { jid, credentials }
    case 'anonymous':
      return undefined
  }
}

/** Whether a login with this mechanism leaves what `wishAgain` needs. */
export function comesAgain({ credentials: { kind } }: LoginWish, { name }: Mechanism): boolean {
  return kind === 'password' || kind === 'keys' ? name.startsWith('SCRAM-') : kind !== 'anonymous'
}

type Secrets =
  | { readonly kind: 'keys'; readonly proof: { readonly [Name in keyof ScramProof]: Plain<ScramProof[Name]> } }
  | { readonly kind: 'token'; readonly token: string; readonly mechanism: string }
  /** The account of the settings. */
  | { readonly kind: 'service' }
  | { readonly kind: 'certificate' }

type Plain<T> = T extends Buffer ? string : T

/** In plain values, for another process. Secret. */
export interface AgainRecord extends Pick<LoginWish, 'jid'> {
  readonly lang: string
  readonly credentials: Secrets
}

export function recordOf({ jid, credentials }: LoginWish, lang: string): AgainRecord | undefined {
  switch (credentials.kind) {
    case 'keys': {
      const { salt, clientKey, serverKey } = credentials.proof
      const keys = { salt: inText(salt), clientKey: inText(clientKey), serverKey: inText(serverKey) }
      return { jid, lang, credentials: { kind: 'keys', proof: { ...credentials.proof, ...keys } } }
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

/** Undefined if the operator's account is gone. */
export function wishOf({ jid, credentials }: AgainRecord, account: ServiceAccount | undefined): LoginWish | undefined {
  switch (credentials.kind) {
    case 'keys': {
      const { salt, clientKey, serverKey } = credentials.proof
      const keys = { salt: inBytes(salt), clientKey: inBytes(clientKey), serverKey: inBytes(serverKey) }
      return { jid, credentials: { kind: 'keys', proof: scramProof({ ...credentials.proof, ...keys }) } }
    }
    case 'service':
      return account && { jid, credentials: { kind: 'service', account } }
    default:
      return { jid, credentials }
  }
}

const inText = (bytes: Buffer) => bytes.toString('base64')
const inBytes = (text: string) => Buffer.from(text, 'base64')
