import type { Logger } from 'pino'
import type { Clock, Timer } from '../../lib/clock.js'
import { CommandError } from '../command-error.js'
import type { Order } from './worker-messages.js'
import { Worker, type WorkerEvents, type WorkerProcess } from './worker-process.js'

export interface SlotsParts {
  readonly count: number
  readonly drainSeconds: number
  readonly clock: Clock
  readonly log: Logger
  readonly fork: (number: number, events: WorkerEvents) => WorkerProcess
  readonly onNoneLeft?: () => void
}

const firstPause = 250
const longestPause = 30_000
/** After this time without a death, pauses are short again. */
const soundMilliseconds = 60_000
const startMilliseconds = 30_000
/** Includes 10 s to close streams, and time to store sessions. */
const stopMilliseconds = 60_000

export class WorkerSlots {
  readonly #parts: SlotsParts
  readonly #workers = new Set<Worker>()
  readonly #deaths = new Map<number, number>()
  readonly #pauses = new Map<number, Timer>()
  #isEnding = false
  died = 0
  hung = 0
  #round: Promise<void> | undefined
  #isAnotherDue = false

  constructor(parts: SlotsParts) {
    this.#parts = parts
  }

  /** Kills all workers and rejects if a worker fails, or if two attempts to start it take too long. */
  async start(): Promise<readonly string[]> {
    const numbers = Array.from({ length: this.#parts.count }, (_, index) => index + 1)
    try {
      const [urls] = await Promise.all(numbers.map(number => this.#startFirst(number)))
      return urls!
    } catch (error) {
      this.#isEnding = true
      this.kill()
      throw error
    }
  }

  get workers(): readonly Readonly<Pick<Worker, 'number' | 'state' | 'process'>>[] {
    const order = (worker: Worker) => 2 * worker.number + (worker.state === 'draining' ? 1 : 0)
    return [...this.#workers].sort((a, b) => order(a) - order(b))
  }

  tellAll(order: Order): void {
    for (const { process } of this.#workers) process.tell(order)
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
    for (const worker of this.#workers) this.#kill(worker)
  }

  #kill(worker: Worker): void {
    worker.isKilled = true
    worker.process.kill()
  }

  #begin(number: number): Worker {
    const { clock, fork } = this.#parts
    const worker = new Worker(number)
    worker.process = fork(number, {
      onReady: urls => {
        if (worker.state === 'starting') {
          worker.state = 'running'
          worker.limit?.cancel()
        }
        worker.readySince = clock.now()
        worker.listens(urls)
      },
      onFailed: sentence => worker.fails(new CommandError(sentence)),
      onHang: () => this.#onHang(worker),
      onExit: (code, signal) => this.#onExit(worker, code, signal),
    })
    worker.limit = clock.after(startMilliseconds, () => {
      worker.isLate = true
      worker.fails(new CommandError(`Worker ${number} does not listen after ${startMilliseconds / 1000} s.`))
    })
    this.#workers.add(worker)
    return worker
  }

  #onHang(worker: Worker): void {
    if (worker.isKilled) return
    worker.isHung = true
    this.hung += 1
    const line = { worker: worker.number, workerPid: worker.process.pid }
    this.#parts.log.error(line, 'a worker hangs and is killed')
    worker.process.kill()
  }

  #onExit(worker: Worker, code: number | null, signal: string | null): void {
    const { number, state } = worker
    const { log, clock } = this.#parts
    this.#workers.delete(worker)
    worker.limit?.cancel()
    worker.fails(new CommandError(`Worker ${number} has ended before it listened (${signal ?? code}).`))
    worker.exits()
    const line = { worker: number, workerPid: worker.process.pid, code, signal }
    if (worker.isKilled || worker.isHung) log.info(line, 'a worker has been killed by the primary')
    else if (state === 'draining') log[code === 0 ? 'info' : 'warn'](line, 'a worker has ended')
    if (state !== 'running' || worker.isKilled) return
    if (!worker.isHung) {
      this.died += 1
      log.warn(line, 'a worker has died')
    }
    if (!this.#isEnding && this.workers.every(worker => worker.state !== 'running')) this.#parts.onNoneLeft?.()
    if (clock.now() - worker.readySince >= soundMilliseconds) this.#deaths.delete(number)
    this.#replaceLater(number)
  }

  #replaceLater(number: number): void {
    if (this.#isEnding) return
    const deaths = this.#deaths.get(number) ?? 0
    this.#deaths.set(number, deaths + 1)
    const pause = Math.min(firstPause * 2 ** deaths, longestPause)
    this.#pauses.get(number)?.cancel()
    this.#pauses.set(
      number,
      this.#parts.clock.after(pause, () => void this.#fill(number)),
    )
  }

  async #fill(number: number): Promise<void> {
    if (this.#isEnding || this.#isTaken(number)) return
    if (!(await this.#tryStart(number))) this.#replaceLater(number)
  }

  #isTaken(number: number): boolean {
    return [...this.#workers].some(worker => worker.number === number && worker.state !== 'draining')
  }

  async #startFirst(number: number): Promise<readonly string[]> {
    const worker = this.#begin(number)
    try {
      return await worker.ready
    } catch (error) {
      if (!worker.isLate || this.#isEnding) throw error
      this.#giveUp(worker, error)
      return await this.#begin(number).ready
    }
  }

  async #tryStart(number: number): Promise<boolean> {
    const worker = this.#begin(number)
    try {
      await worker.ready
      this.#parts.log.info({ worker: number, workerPid: worker.process.pid }, 'a worker has been started')
      return true
    } catch (error) {
      if (!this.#isEnding && worker.state !== 'draining') this.#giveUp(worker, error)
      return false
    }
  }

  #giveUp(worker: Worker, error: unknown): void {
    worker.state = 'draining'
    this.#kill(worker)
    this.#parts.log.error({ worker: worker.number, problem: (error as Error).message }, 'a worker cannot be started')
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
    const before = [...this.#workers].filter(worker => worker.number === number && worker.state !== 'draining')
    const isStarted = await this.#tryStart(number)
    const retire = (worker: Worker) => {
      worker.process.tell({ order: 'retire' })
      this.#end(worker, 'drain')
    }
    if (isStarted) before.forEach(retire)
    else if (!this.#isTaken(number)) this.#replaceLater(number)
    return isStarted
  }

  #end(worker: Worker, order: 'drain' | 'stop'): void {
    if (!this.#workers.has(worker)) return
    const { clock, drainSeconds, log } = this.#parts
    const longest = stopMilliseconds + (order === 'drain' ? 1000 * drainSeconds : 0)
    worker.state = 'draining'
    worker.process.tell({ order })
    worker.limit?.cancel()
    worker.limit = clock.after(longest, () => {
      log.warn({ worker: worker.number, workerPid: worker.process.pid }, 'a worker has not ended in time')
      this.#kill(worker)
    })
  }
}
