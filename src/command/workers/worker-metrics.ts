import { Registry } from 'prom-client'
import type { LastReload } from '../../watching/last-reload.js'
import { processMetrics, register } from '../../watching/metrics.js'
import type { Row } from '../../watching/rows.js'
import type { WorkerSlots } from './worker-slots.js'

const answerMilliseconds = 1_000

/** In Prometheus' format. The label `worker` is `NUMBER`, `NUMBER-PID` for a draining worker, or `primary`. */
export function workerMetrics(
  slots: Pick<WorkerSlots, 'workers' | 'died' | 'hung'>,
  lastReload: LastReload,
): () => Promise<string> {
  const registry = new Registry()
  let answered = 0
  const count = (name: string, type: Row['type'], help: string, read: () => number) =>
    register({ name, type, help, labels: [], read: () => [[{}, read()]] }, registry)
  const states = ['starting', 'running', 'draining'] as const
  register(
    {
      name: 'workers',
      type: 'gauge',
      help: 'Worker processes by state: starting, running, or draining.',
      labels: ['state'],
      read: () => states.map(state => [{ state }, slots.workers.filter(worker => worker.state === state).length]),
    },
    registry,
  )
  const help = 'Worker processes whose metrics are in this answer. Other workers did not answer within a second.'
  count('workers_answered', 'gauge', help, () => answered)
  count('workers_died_total', 'counter', 'Worker processes that have died and were replaced.', () => slots.died)
  const hung = 'Worker processes that hung, and were killed by the primary and replaced.'
  count('workers_hung_total', 'counter', hung, () => slots.hung)
  for (const row of lastReload.rows) register(row, registry)

  return async () => {
    const asked = slots.workers.filter(({ state }) => state !== 'starting')
    const texts = await Promise.all(asked.map(({ process }) => process.ask({ order: 'metrics' }, answerMilliseconds)))
    const told = asked.flatMap(({ number, state, process }, index) => {
      const text = texts[index]
      return typeof text === 'string'
        ? [[state === 'draining' ? `${number}-${process.pid}` : `${number}`, text] as const]
        : []
    })
    answered = told.length
    const own = ['primary', await processMetrics().metrics()] as const
    return [await registry.metrics(), mergedMetrics(new Map([...told, own]))].join('\n')
  }
}

interface Family {
  readonly about: string[]
  readonly toldBy: string
  readonly samples: string[]
}

/** Adds the label `worker` to each sample. Values are not summed. */
export function mergedMetrics(texts: ReadonlyMap<string, string>): string {
  const families = new Map<string, Family>()
  for (const [worker, text] of texts) addText(families, `worker="${worker}"`, text)
  return [...families.values()].flatMap(({ about, samples }) => [...about, ...samples, '']).join('\n')
}

function addText(families: Map<string, Family>, label: string, text: string): void {
  let family: Family = { about: [], toldBy: label, samples: [] }
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) {
      const [, , name = ''] = line.split(' ', 3)
      family = families.get(name) ?? { about: [], toldBy: label, samples: [] }
      families.set(name, family)
      if (family.toldBy === label) family.about.push(line)
    } else if (line !== '') family.samples.push(labelled(line, label))
  }
}

function labelled(sample: string, label: string): string {
  const at = sample.search(/[{ ]/)
  const name = sample.slice(0, at)
  const rest = sample.slice(at + 1)
  if (sample[at] === ' ') return `${name}{${label}} ${rest}`
  return rest.startsWith('}') ? `${name}{${label}${rest}` : `${name}{${label},${rest}`
}
