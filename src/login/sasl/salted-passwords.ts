import { createHmac, hash, pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '../../lib/clock.js'
import { HashQueue } from '../../lib/hash-queue.js'
import { createShortMemory, type ShortMemory } from '../../lib/short-memory.js'

export type ScramHash = 'sha1' | 'sha256' | 'sha512'

/** What a SCRAM login needs of a password once it is salted (RFC 5802 §3). */
export interface ScramKeys {
  readonly clientKey: Buffer
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

export interface PasswordToSalt {
  readonly user: string
  /** Prepared with SASLprep. */
  readonly password: string
  readonly salt: Buffer
  readonly iterations: number
  readonly hash: ScramHash
}

/** The login that waits for a password to be salted; the signal aborts with it, and is asked for only when needed. */
export type Waiting = { readonly signal: AbortSignal }

/** PBKDF2. */
export type Derivation = (
  password: string,
  salt: Buffer,
  iterations: number,
  length: number,
  hash: ScramHash,
) => Promise<Buffer>

const lengths: Record<ScramHash, number> = { sha1: 20, sha256: 32, sha512: 64 }

/** Salts passwords off the event loop, a few at a time, and remembers the outcome for a short while. */
export class SaltedPasswords {
  readonly #derive: Derivation
  readonly #memory: ShortMemory<ScramKeys>
  readonly #queue: HashQueue

  /** Remembers for `memorySeconds`; for 0 not at all. */
  constructor(
    clock: Clock,
    memorySeconds: number,
    derive: Derivation = promisify(pbkdf2),
    queue: HashQueue = new HashQueue(),
  ) {
    this.#queue = queue
    this.#derive = derive
    this.#memory = createShortMemory(clock, memorySeconds)
  }

  /** The keys for a password. Rejects with the signal's reason if that aborts first, or with `service-full`. */
  async keys(wanted: PasswordToSalt, waiting: Waiting): Promise<ScramKeys> {
    const { user, password, salt, iterations, hash: algorithm } = wanted
    const key = this.#memory.keyOf([user, password, salt.toString('base64'), iterations, algorithm])
    const known = this.#memory.recall(key)
    if (known !== undefined) return known
    const { signal } = waiting
    const keys = await this.#queue.run(() => this.#salt(wanted), signal)
    this.#memory.remember(key, keys)
    return keys
  }

  async #salt({ password, salt, iterations, hash: algorithm }: PasswordToSalt): Promise<ScramKeys> {
    const salted = await this.#derive(password, salt, iterations, lengths[algorithm], algorithm)
    const clientKey = createHmac(algorithm, salted).update('Client Key').digest()
    return {
      clientKey,
      storedKey: hash(algorithm, clientKey, 'buffer'),
      serverKey: createHmac(algorithm, salted).update('Server Key').digest(),
    }
  }
}
