import type { Timer } from '../../lib/clock.js'
import type { CommandError } from '../command-error.js'
import type { Order } from './worker-messages.js'

/** `starting` until it listens, `draining` once it was told to end. */
export type WorkerState = 'starting' | 'running' | 'draining'

export interface WorkerProcess {
  readonly pid: number | undefined
  /** By its last message. */
  isReady: boolean
  tell(order: Order): void
  kill(): void
}

export interface WorkerEvents {
  onReady(urls: readonly string[]): void
  onFailed(sentence: string): void
  /** It listened, and has sent nothing for too long. */
  onHang(): void
  onExit(code: number | null, signal: string | null): void
}

export class Worker {
  state: WorkerState = 'starting'
  readySince = 0
  /** Killed because another worker did not start, or because it did not listen in time. */
  isKilled = false
  isHung = false
  isLate = false
  limit: Timer | undefined
  process!: WorkerProcess
  /** Rejects with a `CommandError`. */
  readonly ready: Promise<readonly string[]>
  readonly ended: Promise<void>
  listens!: (urls: readonly string[]) => void
  fails!: (why: CommandError) => void
  isGone!: () => void

  constructor(readonly number: number) {
    this.ready = new Promise((resolve, reject) => {
      this.listens = resolve
      this.fails = reject
    })
    // It may end when nothing waits for it.
    this.ready.catch(() => {})
    this.ended = new Promise(resolve => {
      this.isGone = resolve
    })
  }
}
