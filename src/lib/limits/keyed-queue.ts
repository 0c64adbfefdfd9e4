import { type CallerSignal, orGone } from '../caller-gone.js'

const mostSearched = 1000

interface Waiting {
  readonly isUrgent: (() => boolean) | undefined
  readonly begin: () => void
}

interface Terms {
  /** If the caller leaves before its turn, the queue rejects, and the work does not run. */
  readonly signal?: CallerSignal | undefined
  readonly isUrgent?: () => boolean
  /** Replaces the limit of the queue. */
  readonly most?: number
}

/** Limits the work that runs at once for each key. Urgent work goes first. */
export class KeyedQueue {
  readonly #queues = new Map<string, Queue>()

  constructor(readonly most: number) {}

  async run<T>(key: string, work: () => Promise<T>, terms?: Terms): Promise<T> {
    await this.take(key, terms)
    try {
      return await work()
    } finally {
      this.leave(key)
    }
  }

  /** Call `leave` after the work. */
  async take(key: string, { signal, isUrgent, most = this.most }: Terms = {}): Promise<void> {
    signal?.throwIfAborted()
    const queue = this.#queues.get(key) ?? new Queue()
    this.#queues.set(key, queue)
    if (queue.running < most) {
      queue.running += 1
      return
    }
    const turn = new Promise<void>(begin => void queue.waiting.push({ isUrgent, begin }))
    try {
      await (signal === undefined ? turn : orGone(turn, signal))
    } catch (error) {
      void turn.then(() => this.leave(key))
      throw error
    }
  }

  waiting(key: string): number {
    return this.#queues.get(key)?.waiting.length ?? 0
  }

  leave(key: string): void {
    const queue = this.#queues.get(key)
    if (queue === undefined) return
    const next = queue.next()
    if (next !== undefined) next.begin()
    else if (--queue.running === 0) this.#queues.delete(key)
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
      if (waiting[this.#at]!.isUrgent?.() === true) return waiting.splice(this.#at, 1)[0]
    }
    return waiting.shift()
  }
}
