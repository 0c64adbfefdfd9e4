import { hash as digest } from 'node:crypto'
import type { ScramHash, ScramKeys } from './salted-passwords.js'

/** Replaces the password in later logins. Secret. */
export interface ScramProof {
  readonly hash: ScramHash
  readonly salt: Buffer
  readonly iterations: number
  readonly clientKey: Buffer
  readonly serverKey: Buffer
  readonly user: string
  /** A bare JID, or empty. */
  readonly authzid: string
}

export function scramProof(about: ScramProof): ScramProof {
  const { hash, iterations, user, authzid } = about
  const parts = [about.salt, about.clientKey, about.serverKey]
  // `Buffer.alloc` avoids Node's pool, in which a short buffer keeps 8 KiB in memory.
  const copy = Buffer.alloc(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  const [salt, clientKey, serverKey] = parts.map(part => {
    at += part.copy(copy, at)
    return copy.subarray(at - part.length, at)
  }) as [Buffer, Buffer, Buffer]
  return { hash, salt, iterations, clientKey, serverKey, user, authzid }
}

export function keysOf({ hash, clientKey, serverKey }: ScramProof): ScramKeys {
  return { clientKey, storedKey: digest(hash, clientKey, 'buffer'), serverKey }
}

export function wipe({ salt, clientKey, serverKey }: ScramProof): void {
  for (const bytes of [salt, clientKey, serverKey]) bytes.fill(0)
}
