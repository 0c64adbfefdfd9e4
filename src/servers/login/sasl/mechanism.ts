/**
 * A SASL mechanism as @xmpp/client drives it, and `success`, which the library leaves out. Messages are byte strings, with
 * one character for each byte of UTF-8, because the library puts them through `btoa` and `atob`.
 */
export interface Mechanism {
  readonly name: string
  readonly clientFirst: true
  /** The next message to the server. */
  response(): string | Promise<string>
  /** Takes a message of the server. Throws a `Problem` where it is not what the mechanism allows. */
  challenge(message: string): void
  /** Takes the data that came with success, if any. Throws a `Problem` where the server has not proved itself. */
  success(data: string | undefined): void
}

export function toByteString(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

export function fromByteString(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

/** Writes a name where a comma ends it (RFC 5802 §5.1, RFC 7628 §3.1). */
export function saslName(text: string): string {
  return text.replaceAll('=', '=3D').replaceAll(',', '=2C')
}
