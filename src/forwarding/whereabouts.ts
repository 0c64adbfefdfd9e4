import type { Clock } from '../lib/clock.js'
import type { SessionKey, Store } from '../store/store.js'
import type { Owner, Peers } from './peers.js'

/** A session that another process takes up is in no entry for a moment. */
const mostLooks = 2
const pauseMilliseconds = 100

interface WhereaboutsParts {
  readonly peers: Peers
  readonly store: Pick<Store, 'sessions'>
  readonly clock: Clock
  /** Takes up a session that was set down. Resolves with false if there is none. */
  readonly takeUp: (key: Exclude<SessionKey, { user: string } | { visit: unknown }>) => Promise<boolean>
  /** Resolves at once, or when all sessions of this process have been set down. */
  readonly whenSetDown: () => Promise<void>
  /** This process ends its links. */
  readonly isLeaving: () => boolean
}

export type Whereabouts = ReturnType<typeof createWhereabouts>

export type Place = 'here' | Owner | undefined

/** Finds the process that has a session. */
export function createWhereabouts({ peers, store, clock, takeUp, whenSetDown, isLeaving }: WhereaboutsParts) {
  const pause = () => new Promise<void>(resolve => void clock.after(pauseMilliseconds, resolve))
  return {
    peers,
    whenSetDown,
    isLeaving,
    /**
     * Asks the store. Takes the session up if no process has it. `lost` names a process that does not have it, or cannot
     * be asked. Rejects with `StoreUnavailable`.
     */
    async find(key: Parameters<WhereaboutsParts['takeUp']>[0], isHere: () => boolean, lost?: string): Promise<Place> {
      for (let looks = 1; ; looks++) {
        if (isHere()) return 'here'
        const [found] = await store.sessions.find(key)
        const owner = found && peers.ownerNamed(found.process)
        if (owner !== undefined && owner.name !== lost) return owner
        if (await takeUp(key)) return 'here'
        if (isHere()) return 'here'
        if (looks === mostLooks || (owner === undefined && lost === undefined)) return undefined
        await pause()
      }
    },
  }
}
