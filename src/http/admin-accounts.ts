import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Admin } from '../config/config.js'
import { hashLike, parseSecretHash, type SecretHash } from '../config/secret-hash.js'
import type { Clock } from '../lib/clock.js'
import type { HashQueue } from '../lib/hash-queue.js'
import { type MemoryKey, ShortMemory } from '../lib/short-memory.js'

/** How long credentials that were right are known again without hashing, after they were shown last, in seconds. */
const memorySeconds = 300
/** How many are known at a time: far more than there are admins, and old secrets of theirs. */
const mostRemembered = 1_000

/** The credentials of a request. */
export interface Shown {
  readonly name: string
  readonly secret: string
  /** Stands for both of them and where they come from; fit to be kept for a while. */
  readonly key: MemoryKey
}

/** An account, fit to be compared with what was shown. */
interface Account {
  readonly admin: Admin
  /** Keyed digests. */
  readonly name: Buffer
  readonly secret: Buffer
  /** Undefined where the secret is kept in plain text. */
  readonly hash: SecretHash | undefined
}

/** The accounts of the settings, whose secrets are plain text or scrypt hashes there. */
export class AdminAccounts {
  readonly #key = randomBytes(32)
  readonly #accounts: readonly Account[]
  /** Stands in for accounts that have none, so that a name that exists answers no later than one that does not. */
  readonly #anyHash: SecretHash | undefined
  readonly #hashes: HashQueue
  /** By what was shown and where, the secret never in the clear; what was not shown for longest is forgotten first. */
  readonly #remembered: ShortMemory<Admin>

  constructor(admins: readonly Admin[], clock: Pick<Clock, 'now'>, hashes: HashQueue) {
    this.#hashes = hashes
    this.#remembered = new ShortMemory(clock, memorySeconds, mostRemembered)
    this.#accounts = admins.map(admin => ({
      admin,
      name: this.#digest(admin.name),
      secret: this.#digest(admin.secret),
      hash: parseSecretHash(admin.secret),
    }))
    this.#anyHash = this.#accounts.find(({ hash }) => hash !== undefined)?.hash
  }

  /** `client` is where it comes from: what is right in one place is not known yet in another. */
  shown(name: string, secret: string, client: string): Shown {
    return { name, secret, key: this.#remembered.keyOf([client, name, secret]) }
  }

  /** The admin who has shown the same in the same place not long ago. */
  known({ key }: Shown): Admin | undefined {
    const admin = this.#remembered.recall(key)
    if (admin !== undefined) this.#remembered.remember(key, admin)
    return admin
  }

  /**
   * The admin whose name and secret these are. Takes the same time for a wrong name and a wrong secret: all accounts are
   * looked at, whatever was found before.
   */
  async find({ name, secret, key }: Shown): Promise<Admin | undefined> {
    const shown = { name: this.#digest(name), secret: this.#digest(secret) }
    let named: Account | undefined
    let found: Admin | undefined
    for (const account of this.#accounts) {
      const sameName = timingSafeEqual(account.name, shown.name)
      const sameSecret = timingSafeEqual(account.secret, shown.secret)
      if (sameName) named = account
      if (sameName && sameSecret && account.hash === undefined) found = account.admin
    }
    if (this.#anyHash !== undefined) {
      const wanted = named?.hash ?? this.#anyHash
      const hash = await this.#hashes.run(() => hashLike(wanted, secret))
      if (timingSafeEqual(hash, wanted.hash) && named?.hash !== undefined) found = named.admin
    }
    if (found !== undefined) this.#remembered.remember(key, found)
    return found
  }

  #digest(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text, 'utf8').digest()
  }
}
