import type { ScramProof } from './scram-proof.js'

/**
 * A SASL mechanism for @xmpp/client. Messages are byte strings, one character for each byte of UTF-8, because
 * the library uses `btoa` and `atob`.
 */
export interface Mechanism {
  readonly name: string
  readonly clientFirst: true
  response(): string | Promise<string>
  /** Throws a `Problem` for an invalid message. */
  challenge(message: string): void
  /** The library does not call it. Throws a `Problem` if the server's proof is wrong. */
  success(data: string | undefined): void
  /** Of SCRAM, after its success. A new copy at each call. */
  readonly proof?: ScramProof | undefined
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
