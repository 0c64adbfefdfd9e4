import { createHmac, hash, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'

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

/** PBKDF2 shares a pool of four threads with look-ups of names and files; some must stay free. */
const atOnce = 2
const mostRemembered = 20_000
/** More than can be done before their logins time out. */
const mostWaiting = 1_000
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
  #running = 0
  readonly #waiting: (() => void)[] = []

  /** `memorySeconds` of 0 remembers nothing. */
  constructor(clock: Clock, memorySeconds: number, derive: Derivation = promisify(pbkdf2)) {
    this.#clock = clock
    this.#derive = derive
    this.#memoryMilliseconds = memorySeconds * 1000
  }

  /** The keys for a password. Rejects with the signal's reason if that comes first, or `service-full`. */
  async keys(wanted: PasswordToSalt, signal: AbortSignal): Promise<ScramKeys> {
    const name = this.#name(wanted)
    const known = this.#remembered.get(name)
    if (known !== undefined && known.until > this.#clock.now()) return known.keys
    this.#remembered.delete(name)
    await this.#turn(signal)
    try {
      const keys = await this.#salt(wanted)
      if (this.#memoryMilliseconds > 0) this.#remember(name, keys)
      return keys
    } finally {
      this.#running -= 1
      this.#waiting.shift()?.()
    }
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

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#waiting.length >= mostWaiting) throw new Problem('service-full', { step: 'sasl' })
    while (this.#running >= atOnce) {
      await new Promise<void>((resolve, reject) => {
        const go = () => {
          signal.removeEventListener('abort', leave)
          resolve()
        }
        const leave = () => {
          this.#waiting.splice(this.#waiting.indexOf(go), 1)
          reject(signal.reason)
        }
        signal.addEventListener('abort', leave, { once: true })
        this.#waiting.push(go)
      })
    }
    if (signal.aborted) {
      // Its turn came and it has left: the next one must not wait for it.
      this.#waiting.shift()?.()
      throw signal.reason
    }
    this.#running += 1
  }
}
