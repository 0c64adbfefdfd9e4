import { exceeds, type Limits, type LiveCounts, OwnCounts } from '../../lib/limits/live-counts.js'
import type { Store } from '../../store/store.js'

type Kind = 'address' | 'unauthenticated'

interface StoredCountsParts {
  readonly store: Pick<Store, 'sessions'>
  readonly limits: Limits<Kind>
  /** The store did not answer, so this process has counted alone. */
  readonly onAlone: () => void
}

/**
 * Counts this process's sessions, and asks the store for those of all processes. Sessions that open in several processes
 * in the same moment can exceed a limit. Sessions without a login are counted in each process.
 */
export class StoredCounts implements LiveCounts<Kind> {
  readonly #parts: StoredCountsParts
  readonly #own: OwnCounts<Kind>

  constructor(parts: StoredCountsParts) {
    this.#parts = parts
    this.#own = new OwnCounts(parts.limits)
  }

  async take<Some extends Kind>(key: string, kinds: readonly Some[]): Promise<Some | undefined> {
    const full = this.#own.take(key, kinds) ?? (await this.#fullInAll(key, kinds))
    return full
  }

  add(kind: Kind, key: string): void {
    this.#own.add(kind, key)
  }

  giveBack(kind: Kind, key: string): void {
    this.#own.giveBack(kind, key)
  }

  async #fullInAll<Some extends Kind>(key: string, kinds: readonly Some[]): Promise<Some | undefined> {
    const { store, limits, onAlone } = this.#parts
    for (const kind of kinds) {
      if (kind === 'unauthenticated' || limits[kind] === 0) continue
      const count = await store.sessions.count(kind, key).catch(() => undefined)
      if (count === undefined) onAlone()
      else if (exceeds(count + 1, limits[kind])) {
        for (const taken of kinds) this.giveBack(taken, key)
        return kind
      }
    }
    return undefined
  }
}
