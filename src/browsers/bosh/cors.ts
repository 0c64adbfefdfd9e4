import type { Config } from '../../config/config.js'
import { inertHeaders } from '../../http/answers/node-answers.js'

export type Cors = ReturnType<typeof createCors>

/** In each list, names and values alternate. */
const corsHeaders = (answer: readonly string[], ofPreflight: readonly string[] = []) => ({
  answer,
  lines: linesOf([...inertHeaders, ...answer]),
  preflight: [...answer, ...ofPreflight],
})

export function createCors({ origins, credentials, headers, methods, maxAge }: Config['cors']) {
  const ofPreflight = [
    ...['Access-Control-Allow-Methods', methods.join(', ')],
    ...['Access-Control-Allow-Headers', headers.join(', ')],
    ...['Access-Control-Max-Age', String(maxAge)],
  ]
  const isForAll = origins.includes('*')
  const more = ['Vary', 'Origin', ...(credentials ? ['Access-Control-Allow-Credentials', 'true'] : [])]
  const listed = new Map(
    origins.map(origin => {
      const answer = ['Access-Control-Allow-Origin', origin, ...(isForAll ? [] : more)]
      return [origin, corsHeaders(answer, ofPreflight)]
    }),
  )
  const others = listed.get('*') ?? corsHeaders([])
  return (origin: string | undefined) => (isForAll ? others : (listed.get(origin ?? '') ?? others))
}

function linesOf(headers: readonly string[]): string {
  return headers.map((text, at) => (at % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('')
}
