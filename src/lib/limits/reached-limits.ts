import type { Logger } from 'pino'
import { type Counts, type Limit, limits } from '../counts.js'
import type { MinuteSums } from './minute-sums.js'

export type OnRefused = (limit: Limit, about?: object) => void

const sentences: Partial<Record<Limit, string>> = {
  'proxy-header':
    'a connection from an address in TRUSTED_PROXIES had no PROXY header: send it, or list the proxy alone',
}

export function createRefusals(counts: Pick<Counts, 'refused'>, sums: MinuteSums, log: Logger): OnRefused {
  const often = sums.of<object & { readonly limit: Limit; readonly refused: number }>(line =>
    log.warn(line, sentences[line.limit] ?? 'a limit was reached'),
  )
  return (limit, about) => {
    counts.refused[limit] += 1
    often(limit, sum => ({ limit, setting: limits[limit], refused: (sum?.refused ?? 0) + 1, ...about }))
  }
}
