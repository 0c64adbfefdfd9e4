import { Counter, Gauge, Registry } from 'prom-client'
import type { LastReload } from '../../watching/last-reload.js'
import { prefix, processMetrics, register } from '../../watching/metrics.js'
import { mergedMetrics } from './merged-metrics.js'
import type { WorkerSlots } from './worker-slots.js'

const answerMilliseconds = 1_000

export class WorkerMetrics {
  readonly #waiting = new Map<number, (text: string) => void>()
  #questions = 0
  readonly #registry = new Registry()
  readonly #states = new Gauge({
    name: `${prefix}workers`,
    help: 'Worker processes by state: starting, running, or draining.',
    labelNames: ['state'],
    registers: [this.#registry],
  })
  readonly #answered = new Gauge({
    name: `${prefix}workers_answered`,
    help: 'Worker processes whose metrics are in this answer. Other workers did not answer within a second.',
    registers: [this.#registry],
  })
  readonly #died = new Counter({
    name: `${prefix}workers_died_total`,
    help: 'Worker processes that have died and were replaced.',
    registers: [this.#registry],
  })
  readonly #hung = new Counter({
    name: `${prefix}workers_hung_total`,
    help: 'Worker processes that hung, and were killed by the primary and replaced.',
    registers: [this.#registry],
  })

  constructor(lastReload: LastReload) {
    for (const row of lastReload.rows) register(row, this.#registry)
  }

  answered(question: number, text: string): void {
    this.#waiting.get(question)?.(text)
  }

  /** In Prometheus' format. The label `worker` is `NUMBER`, `NUMBER-PID` for a draining worker, or `primary`. */
  async text({ workers, died, hung }: Pick<WorkerSlots, 'workers' | 'died' | 'hung'>): Promise<string> {
    const asked = workers.filter(({ state }) => state !== 'starting')
    const texts = await Promise.all(asked.map(({ process }) => this.#ask(process)))
    const own = await processMetrics().metrics()
    const told = asked.flatMap(({ number, state, process }, index) => {
      const text = texts[index]
      const name = state === 'draining' ? `${number}-${process.pid}` : `${number}`
      return text === undefined ? [] : [[name, text] as const]
    })
    for (const state of ['starting', 'running', 'draining'] as const)
      this.#states.set({ state }, workers.filter(worker => worker.state === state).length)
    this.#answered.set(told.length)
    this.#died.reset()
    this.#died.inc(died)
    this.#hung.reset()
    this.#hung.inc(hung)
    return [await this.#registry.metrics(), mergedMetrics(new Map([...told, ['primary', own] as const]))].join('\n')
  }

  #ask({ tell }: Pick<WorkerSlots['workers'][number]['process'], 'tell'>): Promise<string | undefined> {
    this.#questions += 1
    const question = this.#questions
    return new Promise(resolve => {
      const timer = setTimeout(() => answer(undefined), answerMilliseconds)
      const answer = (text: string | undefined) => {
        clearTimeout(timer)
        this.#waiting.delete(question)
        resolve(text)
      }
      this.#waiting.set(question, answer)
      tell({ order: 'metrics', question })
    })
  }
}
