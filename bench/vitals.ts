// What a process holds, seen from outside, after a collection of garbage.
import { readdirSync, readFileSync } from 'node:fs'
import { type Inspected, Inspector } from './inspector.js'

export interface Vitals {
  readonly residentMib: number
  readonly heapMib: number
  readonly descriptors: number
  /** Timers that are set, those that keep no process alive among them. */
  readonly timers: number
  /** What keeps the event loop alive, by kind. */
  readonly resources: Readonly<Record<string, number>>
}

interface Evaluated {
  readonly result: { readonly value?: unknown; readonly objectId?: string }
}

/** The prototype of all timers. */
const timerPrototype =
  '(() => { const timer = setTimeout(() => {}, 1); clearTimeout(timer); return Object.getPrototypeOf(timer) })()'
const whatThereIs =
  'JSON.stringify({ heap: process.memoryUsage().heapUsed, resources: process.getActiveResourcesInfo() })'

export class VitalSigns {
  readonly #pid: number
  readonly #inspector: Inspector

  private constructor(pid: number, inspector: Inspector) {
    this.#pid = pid
    this.#inspector = inspector
  }

  /** Stays connected to the process's inspector until `close`, so that its descriptors are always the same. */
  static async of(process: Inspected): Promise<VitalSigns> {
    return new VitalSigns(process.pid, await Inspector.open(process))
  }

  async read(): Promise<Vitals> {
    const inspector = this.#inspector
    for (let time = 0; time < 2; time++) await inspector.ask('HeapProfiler.collectGarbage')
    const timers = await this.#countTimers()
    const { result } = await inspector.ask<Evaluated>('Runtime.evaluate', {
      expression: whatThereIs,
      returnByValue: true,
    })
    const { heap, resources } = JSON.parse(String(result.value)) as { heap: number; resources: string[] }
    const byKind: Record<string, number> = {}
    for (const kind of resources) byKind[kind] = (byKind[kind] ?? 0) + 1
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8')
    return {
      residentMib: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024,
      heapMib: heap / 2 ** 20,
      descriptors: readdirSync(`/proc/${this.#pid}/fd`).length,
      timers,
      resources: byKind,
    }
  }

  close(): void {
    this.#inspector.close()
  }

  async #countTimers(): Promise<number> {
    const inspector = this.#inspector
    const objectGroup = 'timers'
    const { result } = await inspector.ask<Evaluated>('Runtime.evaluate', {
      expression: timerPrototype,
      objectGroup,
    })
    const { objects } = await inspector.ask<{ objects: { objectId: string } }>('Runtime.queryObjects', {
      prototypeObjectId: result.objectId,
      objectGroup,
    })
    const counted = await inspector.ask<Evaluated>('Runtime.callFunctionOn', {
      objectId: objects.objectId,
      functionDeclaration: 'function () { return this.filter(timer => !timer._destroyed).length }',
      returnByValue: true,
    })
    await inspector.ask('Runtime.releaseObjectGroup', { objectGroup })
    return Number(counted.result.value)
  }
}
