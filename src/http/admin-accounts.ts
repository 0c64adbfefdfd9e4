import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../clock.js'
import type { Admin } from '../config/config.js'
import { hashLike, parseSecretHash, type SecretHash } from '../config/secret-hash.js'
import type { HashQueue } from '../hash-queue.js'

/** How long credentials that were right are known again without hashing, after they were shown last, in milliseconds. */
const memoryMilliseconds = 300_000
/** How many are known at a time: far more than there are admins, and old secrets of theirs. */
const mostRemembered = 1_000

/** What somebody has shown, fit to be compared and to be kept for a while. */
export interface Shown {
  /** Keyed digests. */
  readonly name: Buffer
  readonly secret: Buffer
  /** Both of them and where they come from, as a text. */
  readonly place: string
}

/** An account, fit to be compared with what was shown. */
interface Account {
  readonly admin: Admin
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
  readonly #clock: Pick<Clock, 'now'>
  readonly #hashes: HashQueue
  /** By what was shown and where, the secret never in the clear; what was not shown for longest first. */
  readonly #remembered = new Map<string, { admin: Admin; until: number }>()

  constructor(admins: readonly Admin[], clock: Pick<Clock, 'now'>, hashes: HashQueue) {
    this.#clock = clock
    this.#hashes = hashes
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
    const digests = { name: this.#digest(name), secret: this.#digest(secret) }
    const both = Buffer.concat([digests.name, digests.secret]).toString('base64')
    return { ...digests, place: `${client} ${both}` }
  }

  /** The admin who has shown the same in the same place not long ago. */
  known({ place }: Shown): Admin | undefined {
    const known = this.#remembered.get(place)
    if (known === undefined || known.until <= this.#clock.now()) return undefined
    this.#remember(place, known.admin)
    return known.admin
  }

  /**
   * The admin whose name and secret these are. Takes the same time for a wrong name and a wrong secret: all accounts are
   * looked at, whatever was found before.
   */
  async find({ name, secret, place }: Shown, givenSecret: string): Promise<Admin | undefined> {
    let named: Account | undefined
    let found: Admin | undefined
    for (const account of this.#accounts) {
      const sameName = timingSafeEqual(account.name, name)
      const sameSecret = timingSafeEqual(account.secret, secret)
      if (sameName) named = account
      if (sameName && sameSecret && account.hash === undefined) found = account.admin
    }
    if (this.#anyHash !== undefined) {
      const wanted = named?.hash ?? this.#anyHash
      const hash = await this.#hashes.run(() => hashLike(wanted, givenSecret))
      if (timingSafeEqual(hash, wanted.hash) && named?.hash !== undefined) found = named.admin
    }
    if (found !== undefined) this.#remember(place, found)
    return found
  }

  #digest(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text, 'utf8').digest()
  }

  #remember(place: string, admin: Admin): void {
    const now = this.#clock.now()
    this.#remembered.delete(place)
    // A Map keeps the order of insertion: what is over is at the front.
    for (const [old, { until }] of this.#remembered) {
      if (until > now && this.#remembered.size < mostRemembered) break
      this.#remembered.delete(old)
    }
    this.#remembered.set(place, { admin, until: now + memoryMilliseconds })
  }
}
