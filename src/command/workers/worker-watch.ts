import type { Clock } from '../../lib/clock.js'

/** How often a worker says that it is alive, in milliseconds. */
export const beatMilliseconds = 1_000
/** How often the primary checks, and how long a worker may send nothing, in milliseconds. Garbage collections are shorter. */
const lookMilliseconds = 1_000
const hungMilliseconds = 10_000

/** A worker that is watched. */
export interface Watched {
  /** The worker has sent something. */
  heard(): void
  /** Stops watching the worker. */
  end(): void
}

/** Finds workers that hang: stopped, or stuck in one turn of their event loop. */
export class WorkerWatch {
  readonly #clock: Clock
  readonly #watched = new Map<Watched, { heardAt: number; readonly onHang: () => void }>()
  #lookedAt: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lookedAt = clock.now()
    clock.after(lookMilliseconds, () => this.#look())
  }

  /** Watches a worker from now on. Calls back once if it hangs. */
  watch(onHang: () => void): Watched {
    const watched: Watched = {
      heard: () => {
        const about = this.#watched.get(watched)
        if (about !== undefined) about.heardAt = this.#clock.now()
      },
      end: () => void this.#watched.delete(watched),
    }
    this.#watched.set(watched, { heardAt: this.#clock.now(), onHang })
    return watched
  }

  #look(): void {
    const now = this.#clock.now()
    // This process itself did nothing for so long, as on a suspended machine. It has not read the workers' messages yet.
    const late = Math.max(0, now - this.#lookedAt - lookMilliseconds)
    this.#lookedAt = now
    this.#clock.after(lookMilliseconds, () => this.#look())
    for (const [watched, about] of this.#watched) {
      about.heardAt += late
      if (now - about.heardAt < hungMilliseconds) continue
      this.#watched.delete(watched)
      about.onHang()
    }
  }
}
