import type { Logger } from 'pino'
import type { Clock, Timer } from '../../lib/clock.js'
import { CommandError } from '../command-error.js'
import type { WorkerEvents, WorkerProcess } from './worker-process.js'

export interface SlotsParts {
  readonly count: number
  readonly drainSeconds: number
  readonly clock: Clock
  readonly log: Logger
  readonly fork: (number: number, events: WorkerEvents) => WorkerProcess
  readonly onNoneLeft?: () => void
}

/** Before a worker that was lost is replaced. */
const lostPause = 250
/** Before another attempt, if a worker does not start, or has not run for this long. */
const failedPause = 5_000
const startMilliseconds = 30_000
/** Includes 10 s to close streams, and time to store sessions. */
const stopMilliseconds = 60_000

class Worker {
  state: 'starting' | 'running' | 'draining' = 'starting'
  isKilled = false
  runningSince = Number.POSITIVE_INFINITY
  limit: Timer | undefined
  process!: WorkerProcess
  ready!: Promise<readonly string[]>
  exits!: () => void
  readonly ended = new Promise<void>(resolve => {
    this.exits = resolve
  })

  constructor(readonly number: number) {}

  get line() {
    return { worker: this.number, workerPid: this.process.pid }
  }

  kill(): void {
    this.isKilled = true
    this.process.kill()
  }
}

export class WorkerSlots {
  readonly #parts: SlotsParts
  readonly #workers = new Set<Worker>()
  readonly #pauses = new Map<number, Timer>()
  #isEnding = false
  died = 0
  hung = 0
  #round: Promise<void> | undefined
  #isAnotherDue = false

  constructor(parts: SlotsParts) {
    this.#parts = parts
  }

  /** Kills all workers and rejects if a worker fails, or does not listen in time. */
  async start(): Promise<readonly string[]> {
    const workers = Array.from({ length: this.#parts.count }, (_, index) => this.#begin(index + 1))
    try {
      const [urls] = await Promise.all(workers.map(({ ready }) => ready))
      return urls!
    } catch (error) {
      this.#isEnding = true
      this.kill()
      throw error
    }
  }

  get workers(): readonly Readonly<Pick<Worker, 'number' | 'state' | 'process'>>[] {
    return [...this.#workers]
  }

  /** A call during a replacement requests another replacement. */
  replaceAll(): Promise<void> {
    this.#isAnotherDue = true
    this.#round ??= this.#replaceAll()
    return this.#round
  }

  async end(order: 'drain' | 'stop'): Promise<void> {
    this.#isEnding = true
    for (const pause of this.#pauses.values()) pause.cancel()
    const all = [...this.#workers]
    for (const worker of all) this.#end(worker, order)
    await Promise.all(all.map(({ ended }) => ended))
  }

  kill(): void {
    for (const worker of this.#workers) worker.kill()
  }

  #begin(number: number): Worker {
    const { clock, fork } = this.#parts
    const worker = new Worker(number)
    worker.ready = new Promise((resolve, reject) => {
      const fail = (sentence: string) => reject(new CommandError(sentence))
      worker.process = fork(number, {
        onReady: urls => {
          if (worker.state === 'starting') {
            worker.state = 'running'
            worker.runningSince = clock.now()
            worker.limit?.cancel()
          }
          resolve(urls)
        },
        onFailed: fail,
        onHang: () => this.#onHang(worker),
        onExit: (code, signal) => {
          fail(`Worker ${number} has ended before it listened (${signal ?? code}).`)
          this.#onExit(worker, code, signal)
        },
      })
      const late = () => fail(`Worker ${number} does not listen after ${startMilliseconds / 1000} s.`)
      worker.limit = clock.after(startMilliseconds, late)
    })
    worker.ready.catch(() => {})
    this.#workers.add(worker)
    return worker
  }

  #onHang(worker: Worker): void {
    if (worker.isKilled) return
    this.hung += 1
    this.#parts.log.error(worker.line, 'a worker hangs and is killed')
    worker.kill()
  }

  #onExit(worker: Worker, code: number | null, signal: string | null): void {
    const { state } = worker
    const { clock, log, onNoneLeft } = this.#parts
    this.#workers.delete(worker)
    worker.limit?.cancel()
    worker.exits()
    const line = { ...worker.line, code, signal }
    if (worker.isKilled) log.info(line, 'a worker has been killed by the primary')
    else if (state === 'draining') log[code === 0 ? 'info' : 'warn'](line, 'a worker has ended')
    else if (state === 'running') {
      this.died += 1
      log.warn(line, 'a worker has died')
    }
    if (state !== 'running') return
    if (!this.#isEnding && this.workers.every(({ state }) => state !== 'running')) onNoneLeft?.()
    const hasRun = clock.now() - worker.runningSince >= failedPause
    this.#replaceLater(worker.number, hasRun ? lostPause : failedPause)
  }

  #replaceLater(number: number, pause = failedPause): void {
    if (this.#isEnding) return
    const start = async () => {
      if (this.#takers(number).length > 0) return
      if (!(await this.#tryStart(number))) this.#replaceLater(number)
    }
    this.#pauses.get(number)?.cancel()
    this.#pauses.set(number, this.#parts.clock.after(pause, start))
  }

  /** The workers with this number that do not drain: two during a replacement. */
  #takers(number: number): readonly Worker[] {
    return [...this.#workers].filter(worker => worker.number === number && worker.state !== 'draining')
  }

  async #tryStart(number: number): Promise<boolean> {
    const { log } = this.#parts
    const worker = this.#begin(number)
    try {
      await worker.ready
      log.info(worker.line, 'a worker has been started')
      return true
    } catch (error) {
      if (this.#isEnding || worker.state === 'draining') return false
      worker.state = 'draining'
      worker.kill()
      log.error({ worker: number, problem: (error as Error).message }, 'a worker cannot be started')
      return false
    }
  }

  async #replaceAll(): Promise<void> {
    const { count, log } = this.#parts
    while (this.#isAnotherDue && !this.#isEnding) {
      this.#isAnotherDue = false
      log.info({ workers: count }, 'replacing the workers')
      let number = 1
      while (number <= count && !this.#isEnding && (await this.#replace(number))) number += 1
      if (this.#isEnding) break
      if (number > count) log.info({ workers: count }, 'the workers have been replaced')
      else log.error({ worker: number }, 'the workers have not been replaced: the old ones stay')
    }
    this.#round = undefined
  }

  async #replace(number: number): Promise<boolean> {
    this.#pauses.get(number)?.cancel()
    // A worker that is starting may still have the old code, so it is replaced too.
    const before = this.#takers(number)
    const isStarted = await this.#tryStart(number)
    if (isStarted && !this.#isEnding) for (const worker of before) this.#end(worker, 'retire')
    else this.#replaceLater(number)
    return isStarted
  }

  #end(worker: Worker, order: 'drain' | 'retire' | 'stop'): void {
    if (!this.#workers.has(worker)) return
    const { clock, drainSeconds, log } = this.#parts
    const longest = stopMilliseconds + (order === 'stop' ? 0 : 1000 * drainSeconds)
    worker.state = 'draining'
    worker.process.tell({ order })
    worker.limit?.cancel()
    worker.limit = clock.after(longest, () => {
      log.warn(worker.line, 'a worker has not ended in time')
      worker.kill()
    })
  }
}
