import { readdirSync } from 'node:fs'
import { type Inspected, Inspector } from './inspector.js'
import { residentKib } from './memory.js'

export interface Vitals {
  readonly residentMib: number
  readonly heapMib: number
  readonly descriptors: number
  /** Includes timers that keep no process alive. */
  readonly timers: number
  readonly resources: Readonly<Record<string, number>>
}

interface Evaluated {
  readonly result: { readonly value?: unknown; readonly objectId?: string }
}

const timerPrototype =
  '(() => { const timer = setTimeout(() => {}, 1); clearTimeout(timer); return Object.getPrototypeOf(timer) })()'
const heapAndResources =
  'JSON.stringify({ heap: process.memoryUsage().heapUsed, resources: process.getActiveResourcesInfo() })'

/** Stays connected to the inspector, so that descriptors can be compared. */
export class Watch implements AsyncDisposable {
  private constructor(
    readonly pid: number,
    readonly inspector: Inspector,
  ) {}

  static async start(process: Inspected): Promise<Watch> {
    return new Watch(process.pid, await Inspector.open(process))
  }

  async read(): Promise<Vitals> {
    await this.inspector.collectGarbage()
    // A timer that fires during a count may be missing.
    const counts = [await this.#countTimers(), await this.#countTimers(), await this.#countTimers()]
    const { result } = await this.inspector.ask<Evaluated>('Runtime.evaluate', {
      expression: heapAndResources,
      returnByValue: true,
    })
    const { heap, resources: kinds } = JSON.parse(String(result.value)) as {
      heap: number
      resources: string[]
    }
    const resources: Record<string, number> = {}
    for (const kind of kinds) resources[kind] = (resources[kind] ?? 0) + 1
    return {
      residentMib: residentKib(this.pid) / 1024,
      heapMib: heap / 2 ** 20,
      descriptors: readdirSync(`/proc/${this.pid}/fd`).length,
      timers: Math.max(...counts),
      resources,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.inspector.close()
  }

  async #countTimers(): Promise<number> {
    const { inspector } = this
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
