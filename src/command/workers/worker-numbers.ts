import type { Order } from './worker-messages.js'
import type { WorkerProcess } from './worker-process.js'

/** Another worker continues the statistics of an ended worker. */
export class WorkerNumbers {
  readonly #latest = new Map<WorkerProcess, string>()
  readonly #waiting: Order[] = []

  sent(worker: WorkerProcess, text: string): void {
    this.#latest.set(worker, text)
  }

  ended(worker: WorkerProcess, hasDied: boolean, heir: WorkerProcess | undefined): void {
    const text = this.#latest.get(worker)
    this.#latest.delete(worker)
    if (text === undefined) return
    this.#waiting.push({ order: 'numbers', text, hasDied })
    if (heir !== undefined) this.ready(heir)
  }

  ready(worker: WorkerProcess): void {
    for (const order of this.#waiting.splice(0)) worker.tell(order)
  }
}
