import type { Clock } from '../../lib/clock.js'
import { createShortMemory } from '../../lib/limits/short-memory.js'
import type { LoginWish } from './wish.js'

export type VerifiedCredentials = ReturnType<typeof createVerifiedCredentials>

/** The credentials of recent logins, which are believed for `memorySeconds` without another login; for 0 not at all. */
export function createVerifiedCredentials(clock: Clock, memorySeconds: number) {
  const memory = createShortMemory<true>(clock, memorySeconds)

  /** A keyed hash of the secret, of what it is good for, and of whose session it opens; undefined without a secret. */
  function keyOf({ jid: { domain, local }, credentials }: LoginWish): string | undefined {
    if (credentials.kind === 'password') {
      const kind = `password of ${credentials.user ?? local}`
      return memory.keyOf([kind, domain, local, credentials.password])
    }
    if (credentials.kind !== 'token') return undefined
    return memory.keyOf([`token for ${credentials.mechanism}`, domain, local, credentials.token])
  }

  return {
    /** A login with these has succeeded. */
    add(wish: LoginWish): void {
      const key = keyOf(wish)
      if (key !== undefined) memory.remember(key, true)
    },
    /** Whether they are right, as far as is known. They are where the operator vouches for the user, and nothing was shown. */
    has(wish: LoginWish): boolean {
      const key = keyOf(wish)
      return key === undefined || memory.recall(key) === true
    },
  }
}
