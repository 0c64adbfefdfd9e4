import type { Clock } from '../lib/clock.js'
import { lookAgain, looksForMoving } from '../store/look-again.js'
import { type SessionKey, type Store, StoreUnavailable } from '../store/store.js'
import type { Owner, Peers } from './peers.js'

/** In six seconds. */
const looksAtStart = 7

type FoundBy = Exclude<SessionKey, { user: string } | { visit: unknown }>

interface WhereaboutsParts {
  readonly peers: Peers
  readonly store: Pick<Store, 'sessions' | 'isWhole' | 'readProcesses'>
  readonly clock: Clock
  /** Takes up a session that was set down. Resolves with false if there is none. */
  readonly takeUp: (key: FoundBy) => Promise<boolean>
  /** False if this process starts, stops or drains: another one then takes the session up. */
  readonly mayTakeUp: () => boolean
  /** Resolves at once, or when all sessions of this process have been set down. */
  readonly whenSetDown: () => Promise<void>
  /** A later process can take the session up. */
  readonly isStopping: () => boolean
  /** This process ends its links. */
  readonly isLeaving: () => boolean
  /** False if another worker that starts may have sessions in its file. */
  readonly areFilesRead: () => boolean
}

export type Whereabouts = ReturnType<typeof createWhereabouts>

export type Place = 'here' | Owner | undefined

/** Finds the process that has a session. */
export function createWhereabouts(parts: WhereaboutsParts) {
  const { peers, store, clock, takeUp, mayTakeUp, isStopping, whenSetDown, isLeaving, areFilesRead } = parts
  const ownerNamed = async (name: string): Promise<Owner | undefined> => {
    const known = peers.ownerNamed(name)
    if (known !== undefined || name === peers.self) return known
    // The process can have joined in this second.
    await store.readProcesses()
    return peers.ownerNamed(name)
  }
  return {
    peers,
    whenSetDown,
    isLeaving,
    takeUp,
    /**
     * Asks the store. Takes the session up if no process has it. `lost` names a process that does not have it, or cannot
     * be asked. Rejects with `StoreUnavailable`, also if the store has no session now, but another process may have it
     * or can take it up.
     */
    async find(key: FoundBy, isHere: () => boolean, lost?: string): Promise<Place> {
      await whenSetDown()
      /** Null: another look would not help. */
      const look = async (): Promise<Place | null> => {
        if (isHere()) return 'here'
        const [found] = await store.sessions.find(key)
        const owner = found && (await ownerNamed(found.process))
        if (owner !== undefined && owner.name !== lost) return owner
        if (!mayTakeUp()) return peers.forNewSession(new Set(lost === undefined ? [] : [lost])) ?? null
        return (await takeUp(key)) || isHere() ? 'here' : undefined
      }
      const place = await lookAgain(look, () => (areFilesRead() ? looksForMoving : looksAtStart), clock)
      if (place) return place
      if (isStopping() || !store.isWhole) throw new StoreUnavailable('no-answer')
      return undefined
    },
  }
}
