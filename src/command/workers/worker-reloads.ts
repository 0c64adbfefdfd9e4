import type { Environment } from '../../config/settings.js'
import type { WorkerProcess } from './worker-process.js'

const longestMilliseconds = 5_000

export class WorkerReloads {
  readonly #left = new Set<object>()
  #onEmpty = () => {}
  #areDone = true

  /** Resolves with false if a process failed. Ignores processes that take too long. */
  async tell(processes: readonly WorkerProcess[], environment: Environment): Promise<boolean> {
    this.#areDone = true
    for (const process of processes) this.#left.add(process)
    const late = setTimeout(() => this.#onEmpty(), longestMilliseconds)
    const done = new Promise<void>(resolve => {
      this.#onEmpty = resolve
    })
    for (const process of processes) process.tell({ order: 'reload', environment })
    if (processes.length > 0) await done
    clearTimeout(late)
    this.#left.clear()
    return this.#areDone
  }

  over(process: object, isDone = true): void {
    if (!this.#left.delete(process)) return
    this.#areDone &&= isDone
    if (this.#left.size === 0) this.#onEmpty()
  }
}
