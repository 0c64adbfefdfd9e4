import type { Clock } from '../../lib/clock.js'

export const beatMilliseconds = 1_000
const lookMilliseconds = 1_000
/** Longer than any garbage collection. */
const hungMilliseconds = 10_000

export interface Watched {
  heard(): void
  end(): void
}

export class WorkerWatch {
  readonly #clock: Clock
  readonly #watched = new Map<Watched, { heardAt: number; readonly onHang: () => void }>()
  #lookedAt: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lookedAt = clock.now()
    clock.after(lookMilliseconds, () => this.#look())
  }

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
    // A pause of this process itself does not count, because messages of workers may be unread.
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
