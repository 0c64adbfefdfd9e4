import type { KeyedQueue } from '../../lib/limits/keyed-queue.js'

export interface RefusedSignOuts {
  /** Does not count. */
  readonly areTooMany: (address: string) => Promise<boolean>
  readonly count: (address: string) => Promise<void>
}

interface SignOutChecksParts {
  readonly refusedSignOuts: RefusedSignOuts
  /** For each address, so that few checks begin before their refusals count. */
  readonly queue: KeyedQueue
  readonly tooMany: (address: string) => Error
}

const inOrder = { isUrgent: () => false, onBegin: () => {} }

/**
 * Backends sign out all users from one address, so only refused tokens count. An address with too many of them is refused
 * before the check, because a signature takes milliseconds for each key.
 */
export function createSignOutChecks({ refusedSignOuts, queue, tooMany }: SignOutChecksParts) {
  return <Checked>(address: string, check: () => Promise<Checked>): Promise<Checked> =>
    queue.run(address, inOrder, async () => {
      if (await refusedSignOuts.areTooMany(address)) throw tooMany(address)
      try {
        return await check()
      } catch (error) {
        await refusedSignOuts.count(address)
        throw error
      }
    })
}
