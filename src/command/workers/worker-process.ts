import type { Timer } from '../../lib/clock.js'
import type { CommandError } from '../command-error.js'
import type { Order, Question } from './worker-messages.js'

export type WorkerState = 'starting' | 'running' | 'draining'

export interface WorkerProcess {
  readonly pid: number | undefined
  isReady: boolean
  tell(order: Order): void
  /** Resolves with undefined if the worker ends, or does not answer in time. */
  ask(question: Question, milliseconds: number): Promise<unknown>
  kill(): void
}

export interface WorkerEvents {
  onReady(urls: readonly string[]): void
  onFailed(sentence: string): void
  onHang(): void
  onExit(code: number | null, signal: string | null): void
}

export class Worker {
  state: WorkerState = 'starting'
  readySince = 0
  /** Killed by the primary, but not for a hang. */
  isKilled = false
  isHung = false
  isLate = false
  limit: Timer | undefined
  process!: WorkerProcess
  readonly ready: Promise<readonly string[]>
  readonly ended: Promise<void>
  listens!: (urls: readonly string[]) => void
  fails!: (why: CommandError) => void
  exits!: () => void

  constructor(readonly number: number) {
    this.ready = new Promise((resolve, reject) => {
      this.listens = resolve
      this.fails = reject
    })
    this.ready.catch(() => {})
    this.ended = new Promise(resolve => {
      this.exits = resolve
    })
  }
}
