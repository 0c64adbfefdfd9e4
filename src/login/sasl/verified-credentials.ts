import type { Clock } from '../../lib/clock.js'
import { ShortMemory } from '../../lib/short-memory.js'

/** What somebody logged in with. */
export interface Verified {
  /** What the secret is, such as `password`, with the mechanism it is for or the account it belongs to. */
  readonly kind: string
  readonly domain: string
  /** Whose session it opens. */
  readonly user: string
  readonly secret: string
}

/** What logged in a short while ago, so that who shows it again is believed without another login. */
export class VerifiedCredentials {
  readonly #memory: ShortMemory<true>

  /** `memorySeconds` of 0 remembers nothing. */
  constructor(clock: Clock, memorySeconds: number) {
    this.#memory = new ShortMemory(clock, memorySeconds)
  }

  add({ kind, domain, user, secret }: Verified): void {
    this.#memory.remember(this.#memory.keyOf([kind, domain, user, secret]), true)
  }

  has({ kind, domain, user, secret }: Verified): boolean {
    return this.#memory.recall(this.#memory.keyOf([kind, domain, user, secret])) === true
  }
}
