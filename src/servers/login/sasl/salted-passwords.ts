import { createHmac, hash, pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '../../../lib/clock.js'
import { createShortMemory } from '../../../lib/limits/short-memory.js'
import type { WorkQueue } from '../../../lib/limits/work-queue.js'

export type ScramHash = 'sha1' | 'sha256' | 'sha512'

/** RFC 5802 §3. */
export type ScramKeys = Readonly<Record<'clientKey' | 'storedKey' | 'serverKey', Buffer>>

export interface PasswordToSalt {
  /** Its server chooses the iterations. */
  readonly domain: string
  readonly user: string
  /** Prepared with SASLprep. */
  readonly password: string
  readonly salt: Buffer
  readonly iterations: number
  readonly hash: ScramHash
}

export type Waiting = { readonly signal: AbortSignal }

const lengths: Record<ScramHash, number> = { sha1: 20, sha256: 32, sha512: 64 }

export type SaltedPasswords = ReturnType<typeof createSaltedPasswords>

export function createSaltedPasswords(
  clock: Clock,
  memorySeconds: number,
  queue: WorkQueue,
  derive = promisify(pbkdf2),
) {
  const memory = createShortMemory<ScramKeys>(clock, memorySeconds)
  return async (wanted: PasswordToSalt, waiting: Waiting): Promise<ScramKeys> => {
    const { domain, user, password, salt, iterations, hash: algorithm } = wanted
    const key = memory.keyOf([user, password, salt.toString('base64'), iterations, algorithm])
    const deriveKeys = async () => {
      const keys = keysFrom(await derive(password, salt, iterations, lengths[algorithm], algorithm), algorithm)
      memory.remember(key, keys)
      return keys
    }
    return memory.recall(key) ?? queue(async () => memory.recall(key) ?? deriveKeys(), waiting.signal, domain)
  }
}

export function keysFrom(saltedPassword: Buffer, algorithm: ScramHash): ScramKeys {
  const clientKey = createHmac(algorithm, saltedPassword).update('Client Key').digest()
  return {
    clientKey,
    storedKey: hash(algorithm, clientKey, 'buffer'),
    serverKey: createHmac(algorithm, saltedPassword).update('Server Key').digest(),
  }
}
