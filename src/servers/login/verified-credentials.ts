import type { Clock } from '../../lib/clock.js'
import { createShortMemory } from '../../lib/limits/short-memory.js'
import type { LoginWish } from './wish.js'

export type VerifiedCredentials = ReturnType<typeof createVerifiedCredentials>

/** Credentials of recent logins, valid for `memorySeconds` without another login. 0 turns this off. */
export function createVerifiedCredentials(clock: Clock, memorySeconds: number) {
  const memory = createShortMemory<true>(clock, memorySeconds)

  /** A keyed hash of the secret, its kind and its user. Undefined if there is no secret. */
  function keyOf({ jid: { domain, local }, credentials }: LoginWish): string | undefined {
    if (credentials.kind === 'password') {
      const kind = `password of ${credentials.user ?? local}`
      return memory.keyOf([kind, domain, local, credentials.password])
    }
    if (credentials.kind === 'keys')
      return memory.keyOf(['keys', domain, local, credentials.proof.clientKey.toString('base64')])
    if (credentials.kind !== 'token') return undefined
    return memory.keyOf([`token for ${credentials.mechanism}`, domain, local, credentials.token])
  }

  return {
    add(wish: LoginWish): void {
      const key = keyOf(wish)
      if (key !== undefined) memory.remember(key, true)
    },
    /** Also true if no secret is needed, because the operator vouches for the user. */
    has(wish: LoginWish): boolean {
      const key = keyOf(wish)
      return key === undefined || memory.recall(key) === true
    },
  }
}
