import { type CallerSignal, orGone } from '../caller-gone.js'

const mostSearched = 1000

interface Waiting {
  readonly isUrgent: () => boolean
  readonly begin: () => void
}

const never = () => false

/** Limits the work that runs at once for each key. Urgent work goes first. */
export class KeyedQueue {
  readonly #queues = new Map<string, Queue>()

  constructor(readonly most: number) {}

  async run<T>(key: string, work: () => Promise<T>, isUrgent = never): Promise<T> {
    const wait = this.enter(key, this.most, isUrgent)
    if (wait !== undefined) await wait
    try {
      return await work()
    } finally {
      this.leave(key)
    }
  }

  /** Call `leave` after the work. */
  enter(key: string, most = this.most, isUrgent = never): Promise<void> | undefined {
    const queue = this.#queues.get(key) ?? new Queue()
    this.#queues.set(key, queue)
    if (queue.running >= most) return new Promise(begin => void queue.waiting.push({ isUrgent, begin }))
    queue.running += 1
    return undefined
  }

  /** Like `enter`, but rejects if the caller leaves before its turn. */
  async take(key: string, signal: CallerSignal): Promise<void> {
    signal.throwIfAborted()
    const turn = this.enter(key)
    if (turn === undefined) return
    try {
      await orGone(turn, signal)
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
      if (waiting[this.#at]!.isUrgent()) return waiting.splice(this.#at, 1)[0]
    }
    return waiting.shift()
  }
}
