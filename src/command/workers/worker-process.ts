import type { Timer } from '../../lib/clock.js'
import type { CommandError } from '../command-error.js'
import type { Order } from './worker-messages.js'

/** How a worker stands: `starting` until it listens, `draining` from when it was asked to end. */
export type WorkerState = 'starting' | 'running' | 'draining'

/** A process, as what looks after it needs it. */
export interface WorkerProcess {
  readonly pid: number | undefined
  /** Whether it takes new sessions, by its last message. */
  isReady: boolean
  tell(order: Order): void
  kill(): void
}

export interface WorkerEvents {
  /** It listens at these addresses. */
  onReady(urls: readonly string[]): void
  /** It does not start, for the reason in this sentence. */
  onFailed(sentence: string): void
  /** It listens, and has sent nothing for too long. */
  onHang(): void
  /** It is gone. */
  onExit(code: number | null, signal: string | null): void
}

/** A worker from its start to its end. */
export class Worker {
  state: WorkerState = 'starting'
  readySince = 0
  /** The primary has killed it: another of its start has failed, or it has not listened in time. */
  isKilled = false
  /** The primary has killed it because it hung. */
  isHung = false
  /** Ends it where it takes too long with something. */
  limit: Timer | undefined
  process!: WorkerProcess
  /** Resolves with its addresses; rejects with a `CommandError` where it ends before it has any. */
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
