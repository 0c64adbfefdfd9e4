// What Prometheus would read.
import { ask } from './http-answer.js'

/** The numbers of a text in Prometheus' format, by name and labels as they stand there. */
export function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map(line => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

/** The values of a metric that are not 0, by labels. */
export async function counted(url: string | undefined, name: string): Promise<Record<string, number>> {
  const { samples } = await scrape(url)
  const named = [...samples].filter(
    ([key, value]) => value !== 0 && key.replace(/\{.*/, '') === `warm_bindings_${name}`,
  )
  return Object.fromEntries(named.map(([key, value]) => [/\{(.*)\}/.exec(key)?.[1] ?? '', value]))
}

/** Asks for metrics. Rejects if there are none. */
export async function scrape(url: string | undefined): Promise<{ text: string; samples: Map<string, number> }> {
  const { status, text } = await ask(url ?? 'http://nowhere.invalid')
  if (status !== 200) throw new Error(`no metrics but HTTP ${status}: ${text}`)
  return { text, samples: samplesOf(text) }
}
