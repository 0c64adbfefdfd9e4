import { clientOf } from '../../lib/client-network.js'
import { KeyedQueue } from '../../lib/limits/keyed-queue.js'
import type { TrySeveral } from './page-tokens.js'

/** Checks that run at once for each client, so that few begin before their refusals count. */
const checksAtOnce = 2

export interface RefusedSignOuts {
  /** Does not count. */
  readonly areTooMany: (address: string) => Promise<boolean>
  readonly count: (address: string) => Promise<void>
}

const inOrder = { isUrgent: () => false, onBegin: () => {} }

/**
 * A sign-out must not fail because of others behind the same address. So only tokens are limited for which several keys
 * must be tried, because each key takes milliseconds. Backends sign out all users from one address, so only refused
 * tokens count.
 */
export function createSignOutChecks({ areTooMany, count }: RefusedSignOuts, tooMany: (address: string) => Error) {
  const queue = new KeyedQueue(checksAtOnce)
  return (address: string): TrySeveral =>
    attempt =>
      queue.run(clientOf(address), inOrder, async () => {
        if (await areTooMany(address)) throw tooMany(address)
        try {
          return await attempt()
        } catch (error) {
          await count(address)
          throw error
        }
      })
}
