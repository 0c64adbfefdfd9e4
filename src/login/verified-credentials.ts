import type { Clock } from '../lib/clock.js'
import { createShortMemory, type ShortMemory } from '../lib/short-memory.js'
import type { LoginWish } from './wish.js'

/** The credentials of recent logins, which are believed for a while without another login. */
export class VerifiedCredentials {
  readonly #memory: ShortMemory<true>

  /** Remembers for `memorySeconds`; for 0 not at all. */
  constructor(clock: Clock, memorySeconds: number) {
    this.#memory = createShortMemory(clock, memorySeconds)
  }

  /** A login with these has succeeded. */
  add(wish: LoginWish): void {
    const key = this.#keyOf(wish)
    if (key !== undefined) this.#memory.remember(key, true)
  }

  /** Whether they are right, as far as is known. They are where the operator vouches for the user, and nothing was shown. */
  has(wish: LoginWish): boolean {
    const key = this.#keyOf(wish)
    return key === undefined || this.#memory.recall(key) === true
  }

  /** A keyed hash of the secret, of what it is good for, and of whose session it opens; undefined without a secret. */
  #keyOf({ jid: { domain, local }, credentials }: LoginWish): string | undefined {
    if (credentials.kind === 'password') {
      const kind = `password of ${credentials.user ?? local}`
      return this.#memory.keyOf([kind, domain, local, credentials.password])
    }
    if (credentials.kind !== 'token') return undefined
    return this.#memory.keyOf([`token for ${credentials.mechanism}`, domain, local, credentials.token])
  }
}
