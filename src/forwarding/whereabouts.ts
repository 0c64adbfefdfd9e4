import type { Clock } from '../lib/clock.js'
import type { SessionKey, Store } from '../store/store.js'
import type { Owner, Peers } from './peers.js'

/** While another process takes a session up, the store has neither an entry nor a record of it. */
const mostLooks = 2
const pauseMilliseconds = 100

type FoundBy = Exclude<SessionKey, { user: string } | { visit: unknown }>

interface WhereaboutsParts {
  readonly peers: Peers
  readonly store: Pick<Store, 'sessions'>
  readonly clock: Clock
  /** Takes up a session that was set down. Resolves with false if there is none. */
  readonly takeUp: (key: FoundBy) => Promise<boolean>
  /** False if this process starts, stops or drains: another one then takes the session up. */
  readonly mayTakeUp: () => boolean
  /** Resolves at once, or when all sessions of this process have been set down. */
  readonly whenSetDown: () => Promise<void>
  /** This process ends its links. */
  readonly isLeaving: () => boolean
}

export type Whereabouts = ReturnType<typeof createWhereabouts>

export type Place = 'here' | Owner | undefined

/** Finds the process that has a session. */
export function createWhereabouts(parts: WhereaboutsParts) {
  const { peers, store, clock, takeUp, mayTakeUp, whenSetDown, isLeaving } = parts
  const pause = () => new Promise<void>(resolve => void clock.after(pauseMilliseconds, resolve))
  return {
    peers,
    whenSetDown,
    isLeaving,
    takeUp,
    /**
     * Asks the store. Takes the session up if no process has it. `lost` names a process that does not have it, or cannot
     * be asked. Rejects with `StoreUnavailable`.
     */
    async find(key: FoundBy, isHere: () => boolean, lost?: string): Promise<Place> {
      await whenSetDown()
      for (let looks = 1; ; looks++) {
        if (isHere()) return 'here'
        const [found] = await store.sessions.find(key)
        const owner = found && peers.ownerNamed(found.process)
        if (owner !== undefined && owner.name !== lost) return owner
        if (!mayTakeUp()) return peers.forNewSession(new Set(lost === undefined ? [] : [lost]))
        if ((await takeUp(key)) || isHere()) return 'here'
        if (looks === mostLooks) return undefined
        await pause()
      }
    },
  }
}
