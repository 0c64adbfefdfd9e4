import { hash as digest } from 'node:crypto'
import type { ScramHash, ScramKeys } from './salted-passwords.js'

/** What a later SCRAM login of the same user needs instead of the password. Secret. */
export interface ScramProof {
  readonly hash: ScramHash
  readonly salt: Buffer
  readonly iterations: number
  readonly clientKey: Buffer
  readonly serverKey: Buffer
  readonly user: string
  /** The bare JID of another user to act for, or empty. */
  readonly authzid: string
}

/** With own copies of the buffers. */
export function scramProof(about: ScramProof): ScramProof {
  const { hash, salt, iterations, clientKey, serverKey, user, authzid } = about
  return {
    hash,
    salt: copyOf(salt),
    iterations,
    clientKey: copyOf(clientKey),
    serverKey: copyOf(serverKey),
    user,
    authzid,
  }
}

export function keysOf({ hash, clientKey, serverKey }: ScramProof): ScramKeys {
  return { clientKey, storedKey: digest(hash, clientKey, 'buffer'), serverKey }
}

/** Fills the buffers with zeros. */
export function wipe({ salt, clientKey, serverKey }: ScramProof): void {
  for (const bytes of [salt, clientKey, serverKey]) bytes.fill(0)
}

function copyOf(bytes: Buffer): Buffer {
  // Outside the pool: a proof lives as long as its session, and would keep 8 KiB.
  const copy = Buffer.alloc(bytes.length)
  bytes.copy(copy)
  return copy
}
