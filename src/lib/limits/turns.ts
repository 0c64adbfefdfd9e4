/** Waiting work behind the first that is searched for urgent work. */
const mostLookedAt = 100

interface Waiting {
  readonly begin: () => void
  readonly isUrgent: () => boolean
}

/** Limits how much work runs at a time for each key. Urgent work goes first. */
export class Turns {
  readonly #most: number
  readonly #running = new Map<string, { count: number; readonly waiting: Waiting[] }>()

  constructor(most: number) {
    this.#most = most
  }

  async take<T>(key: string, isUrgent: () => boolean, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key) ?? { count: 0, waiting: [] }
    this.#running.set(key, running)
    if (running.count < this.#most) running.count += 1
    else await new Promise<void>(begin => running.waiting.push({ begin, isUrgent }))
    try {
      return await work()
    } finally {
      const next = takeNext(running.waiting)
      if (next !== undefined) next.begin()
      else if (--running.count === 0) this.#running.delete(key)
    }
  }
}

function takeNext(waiting: Waiting[]): Waiting | undefined {
  const urgent = waiting.slice(0, mostLookedAt).findIndex(({ isUrgent }) => isUrgent())
  return urgent > 0 ? waiting.splice(urgent, 1)[0] : waiting.shift()
}
