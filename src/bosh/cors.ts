import type { Config } from '../config/config.js'

/** Headers by which browsers let pages of other origins read an answer; names and values in turn. */
export interface CorsHeaders {
  /** Of every answer. */
  readonly answer: readonly string[]
  /** The same as lines. */
  readonly lines: string
  /** Of the answer to a preflight. */
  readonly preflight: readonly string[]
}

/** The headers for a request with this `Origin`. */
export type Cors = (origin: string | undefined) => CorsHeaders

const nothing: CorsHeaders = { answer: [], lines: '', preflight: [] }

/** What the operator lets other origins do; made once, since it is asked at every request. */
export function createCors({ origins, credentials, headers, methods, maxAge }: Config['cors']): Cors {
  const withPreflight = (answer: readonly string[]): CorsHeaders => ({
    answer,
    lines: linesOf(answer),
    preflight: [
      ...answer,
      ...['Access-Control-Allow-Methods', methods.join(', ')],
      ...['Access-Control-Allow-Headers', headers.join(', ')],
      ...['Access-Control-Max-Age', String(maxAge)],
    ],
  })
  if (origins.includes('*')) {
    const all = withPreflight(['Access-Control-Allow-Origin', '*'])
    return () => all
  }
  const listed = new Map(
    origins.map(origin => {
      const allowed = ['Access-Control-Allow-Origin', origin, 'Vary', 'Origin']
      if (credentials) allowed.push('Access-Control-Allow-Credentials', 'true')
      return [origin, withPreflight(allowed)]
    }),
  )
  return origin => (origin === undefined ? nothing : (listed.get(origin) ?? nothing))
}

/** Headers, whose names and values stand in turn, as lines. */
export function linesOf(headers: readonly string[]): string {
  let lines = ''
  for (let at = 0; at < headers.length; at += 2) lines += `${headers[at]}: ${headers[at + 1]}\r\n`
  return lines
}
