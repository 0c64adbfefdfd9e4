import type { Clock } from '../lib/clock.js'
import type { Phase } from '../lib/phase.js'
import { lookAgain, looksForDead } from '../store/look-again.js'
import { type KeptBy, type OtherForm, type RecordKey, type Store, StoreUnavailable } from '../store/store.js'
import type { Owner, Peers } from './peers.js'

interface WhereaboutsParts {
  readonly peers: Peers
  readonly store: Pick<Store, 'sessions' | 'isWhole' | 'readProcesses'>
  readonly clock: Clock
  /** See `StoredRecords`. */
  readonly takeUp: (key: RecordKey) => Promise<string | KeptBy | OtherForm | undefined>
  /** Unless this process serves, another one takes the session up. */
  readonly phase: Phase
  /** Resolves at once, or when all sessions of this process have been set down. */
  readonly whenSetDown: () => Promise<void>
  /** False if another process that starts may have sessions in a file. */
  readonly areFilesRead: () => boolean
}

export type Whereabouts = ReturnType<typeof createWhereabouts>

export type FoundOwner = 'here' | Owner | undefined

/** Finds the process that has a session. */
export function createWhereabouts(parts: WhereaboutsParts) {
  const { peers, store, clock, takeUp, phase, whenSetDown, areFilesRead } = parts
  const ownerNamed = async (name: string): Promise<Owner | undefined> => {
    const known = peers.ownerNamed(name)
    if (known !== undefined || name === peers.self) return known
    // The process can have joined in this second.
    await store.readProcesses()
    return peers.ownerNamed(name)
  }
  return {
    peers,
    phase,
    whenSetDown,
    /** For a request of another process. Resolves with whether the session is here, perhaps because it is taken up now. */
    async arrives(key: RecordKey, isHere: () => boolean): Promise<boolean> {
      await whenSetDown()
      if (!isHere()) await takeUp(key)
      return isHere()
    },
    /**
     * Asks the store. Takes the session up if no process has it. `lost` names a process that does not have it, or cannot
     * be asked. Rejects with `StoreUnavailable`, also if the store has no session now, but another process may have it
     * or can take it up.
     */
    async find(key: RecordKey, isHere: () => boolean, lost?: string): Promise<FoundOwner> {
      await whenSetDown()
      let isMoving = false
      let isOfOtherForm = false
      /** Null: another look would not help. */
      const look = async (): Promise<FoundOwner | null> => {
        if (isHere()) return 'here'
        const [found] = await store.sessions.find(key)
        const owner = found && (await ownerNamed(found.process))
        if (owner !== undefined && owner.name !== lost) return owner
        if (!phase.isServing) {
          // The process has died, but its entry has not expired: no other can take the session up yet.
          isMoving = found !== undefined && owner === undefined && found.process !== peers.self
          if (isMoving) return undefined
          return peers.forNewSession(new Set(lost === undefined ? [] : [lost])) ?? null
        }
        const taker = await takeUp(key)
        isOfOtherForm = typeof taker === 'object' && 'form' in taker
        isMoving = !isOfOtherForm && taker !== undefined && taker !== peers.self && taker !== lost
        return isHere() ? 'here' : undefined
      }
      const maySoonBeFound = () => isMoving || isOfOtherForm || !areFilesRead()
      const place = await lookAgain(look, () => (maySoonBeFound() ? looksForDead : 1), clock)
      if (place) return place
      // If this process takes nothing up, or after the death of its process, a later one can take the session up.
      if (!phase.isServing || !store.isWhole || isMoving) throw new StoreUnavailable('no-answer')
      return undefined
    },
  }
}
