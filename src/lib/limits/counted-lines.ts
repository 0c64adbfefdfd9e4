import type { Logger } from 'pino'
import type { MinuteSums } from './minute-sums.js'

interface Counted {
  readonly stream: Logger
  readonly what: string
  readonly line: object & { readonly count: number }
}

/** Returns false for a line that is only counted. */
export type LogOften = (key: string, stream: Logger, about: object, what: string) => boolean

/** Lines with the same key become one line a minute with a `count`, because anybody can cause them. */
export function countedLines(sums: MinuteSums): LogOften {
  const often = sums.of<Counted>(({ stream, line, what }) => stream.info(line, what))
  return (key, stream, about, what) =>
    often(key, sum => ({ stream, what, line: { ...about, count: (sum?.line.count ?? 0) + 1 } }))
}
