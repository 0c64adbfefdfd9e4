import type { Environment } from '../../config/load.js'
import type { WorkerProcess } from './worker-process.js'

/** Later workers are not waited for. */
const longest = 5_000

export class WorkerReloads {
  readonly #left = new Set<object>()
  #onEmpty = () => {}

  /** Resolves when all processes have the settings, have ended or are late. */
  async tell(processes: readonly WorkerProcess[], environment: Environment): Promise<void> {
    for (const process of processes) this.#left.add(process)
    const late = setTimeout(() => this.#onEmpty(), longest)
    const done = new Promise<void>(resolve => {
      this.#onEmpty = resolve
    })
    for (const process of processes) process.tell({ order: 'reload', environment })
    if (processes.length > 0) await done
    clearTimeout(late)
    this.#left.clear()
  }

  over(process: object): void {
    if (this.#left.delete(process) && this.#left.size === 0) this.#onEmpty()
  }
}
