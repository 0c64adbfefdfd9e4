import type { Clock } from '../lib/clock.js'
import { type SessionKey, type Store, StoreUnavailable } from '../store/store.js'
import type { Owner, Peers } from './peers.js'

/** While another process takes a session up, the store has neither an entry nor a record of it. */
const mostLooks = 2
/** In six seconds. */
const mostLooksAtStart = 7
/** Doubled after each look. */
const firstPause = 100

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
  const pause = (ms: number) => new Promise<void>(resolve => void clock.after(ms, resolve))
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
      for (let looks = 1; ; looks++) {
        if (isHere()) return 'here'
        const [found] = await store.sessions.find(key)
        const owner = found && (await ownerNamed(found.process))
        if (owner !== undefined && owner.name !== lost) return owner
        if (!mayTakeUp()) {
          const other = peers.forNewSession(new Set(lost === undefined ? [] : [lost]))
          if (other !== undefined) return other
          break
        }
        if ((await takeUp(key)) || isHere()) return 'here'
        if (looks >= (areFilesRead() ? mostLooks : mostLooksAtStart)) break
        await pause(firstPause * 2 ** (looks - 1))
      }
      if (isStopping() || !store.isWhole) throw new StoreUnavailable('no-answer')
      return undefined
    },
  }
}
