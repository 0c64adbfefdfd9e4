import type { ScramHash } from './salted-passwords.js'

/** In messages, each character stands for a byte, because @xmpp/client uses `btoa` and `atob`. */
export interface Mechanism {
  readonly name: string
  response(): string | Promise<string>
  challenge(message: string): void
  /** Throws a `Problem` if the server's proof is wrong. */
  success(data: string | undefined): void
  readonly proof?: ScramProof | undefined
}

/** Replaces the password in later logins: the salt and keys (RFC 5802 §3) in base64. Secret. */
export interface ScramProof {
  readonly hash: ScramHash
  readonly salt: string
  readonly iterations: number
  readonly clientKey: string
  readonly serverKey: string
  readonly user: string
  /** A bare JID, or empty. */
  readonly authzid: string
}

export function toByteString(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

export function fromByteString(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

/** Escapes `=` and `,` (RFC 5802 §5.1, RFC 7628 §3.1). */
export function saslName(text: string): string {
  return text.replaceAll('=', '=3D').replaceAll(',', '=2C')
}
