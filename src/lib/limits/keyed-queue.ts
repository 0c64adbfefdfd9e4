const mostSearched = 1000

export interface Turn {
  readonly isUrgent: () => boolean
  readonly onBegin: () => void
}

interface Waiting {
  readonly turn: Turn
  readonly begin: () => void
}

/** Limits the work that runs at once for each key. Urgent work goes first. */
export class KeyedQueue {
  readonly #most: number
  readonly #queues = new Map<string, Queue>()

  constructor(most: number) {
    this.#most = most
  }

  async run<T>(key: string, turn: Turn, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(key) ?? new Queue()
    this.#queues.set(key, queue)
    if (queue.running < this.#most) queue.running += 1
    else await new Promise<void>(begin => queue.waiting.push({ turn, begin }))
    try {
      turn.onBegin()
      return await work()
    } finally {
      const next = queue.next()
      if (next !== undefined) next.begin()
      else if (--queue.running === 0) this.#queues.delete(key)
    }
  }
}

class Queue {
  running = 0
  readonly waiting: Waiting[] = []
  #at = 0

  next(): Waiting | undefined {
    const { waiting } = this
    for (let searched = Math.min(waiting.length, mostSearched); searched > 0; searched--) {
      this.#at = (this.#at + 1) % waiting.length
      if (waiting[this.#at]!.turn.isUrgent()) return waiting.splice(this.#at, 1)[0]
    }
    return waiting.shift()
  }
}
