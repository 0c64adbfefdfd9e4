import { createHmac, hash, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '../clock.js'
import { HashQueue } from '../hash-queue.js'

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

/** Does the work of PBKDF2; the real one unless a test has its own. */
export type Derivation = (
  password: string,
  salt: Buffer,
  iterations: number,
  length: number,
  hash: ScramHash,
) => Promise<Buffer>

interface Remembered {
  readonly keys: ScramKeys
  readonly until: number
}

const mostRemembered = 20_000
const lengths: Record<ScramHash, number> = { sha1: 20, sha256: 32, sha512: 64 }

/**
 * Salts passwords off the event loop, few at a time, and remembers the outcome for a short while.
 * What is remembered is found by a keyed hash only; neither password nor user can be read from it.
 */
export class SaltedPasswords {
  readonly #clock: Clock
  readonly #derive: Derivation
  readonly #memoryMilliseconds: number
  readonly #secret = randomBytes(32)
  readonly #remembered = new Map<string, Remembered>()
  readonly #queue: HashQueue

  /** `memorySeconds` of 0 remembers nothing. */
  constructor(
    clock: Clock,
    memorySeconds: number,
    derive: Derivation = promisify(pbkdf2),
    queue: HashQueue = new HashQueue(),
  ) {
    this.#clock = clock
    this.#queue = queue
    this.#derive = derive
    this.#memoryMilliseconds = memorySeconds * 1000
  }

  /** The keys for a password. Rejects with the signal's reason if that comes first, or `service-full`. */
  async keys(wanted: PasswordToSalt, signal: AbortSignal): Promise<ScramKeys> {
    const name = this.#name(wanted)
    const known = this.#remembered.get(name)
    if (known !== undefined && known.until > this.#clock.now()) return known.keys
    this.#remembered.delete(name)
    const keys = await this.#queue.run(() => this.#salt(wanted), signal)
    if (this.#memoryMilliseconds > 0) this.#remember(name, keys)
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

  #remember(name: string, keys: ScramKeys): void {
    const now = this.#clock.now()
    // Oldest first, since a Map keeps the order of insertion: what is over is at the front.
    for (const [old, { until }] of this.#remembered) {
      if (until > now && this.#remembered.size < mostRemembered) break
      this.#remembered.delete(old)
    }
    this.#remembered.set(name, { keys, until: now + this.#memoryMilliseconds })
  }

  #name({ user, password, salt, iterations, hash: algorithm }: PasswordToSalt): string {
    // JSON keeps the parts apart whatever they contain.
    const parts = JSON.stringify([user, password, salt.toString('base64'), iterations, algorithm])
    return createHmac('sha256', this.#secret).update(parts).digest('base64')
  }
}
