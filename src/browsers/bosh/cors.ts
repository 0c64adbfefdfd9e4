import { inertHeaders, preflightSeconds } from '../../http/answers/node-answers.js'

export type Cors = ReturnType<typeof createCors>

/** In each list, names and values alternate. */
const corsHeaders = (answer: readonly string[], ofPreflight: readonly string[] = []) => ({
  answer,
  lines: linesOf([...inertHeaders, ...answer]),
  preflight: [...answer, ...ofPreflight],
})

const ofPreflight = [
  ...['Access-Control-Allow-Methods', 'GET, POST, OPTIONS'],
  ...['Access-Control-Max-Age', String(preflightSeconds)],
]

const headerNames = /^[\w!#$%&'*+.^`|~, -]{1,1000}$/

/** All that the page asks for: this service reads none of them but `Content-Type`, and gateways before it may need more. */
export function allowedHeaders(asked: string | undefined): readonly string[] {
  const names = asked !== undefined && headerNames.test(asked) ? asked : 'Content-Type'
  return ['Access-Control-Allow-Headers', names]
}

export function createCors(origins: readonly string[]) {
  const isForAll = origins.includes('*')
  const more = ['Vary', 'Origin', 'Access-Control-Allow-Credentials', 'true']
  const headersFor = (origin: string) => ['Access-Control-Allow-Origin', origin, ...(isForAll ? [] : more)]
  const listed = new Map(origins.map(origin => [origin, corsHeaders(headersFor(origin), ofPreflight)]))
  const others = listed.get('*') ?? corsHeaders([])
  return (origin: string | undefined) => (isForAll ? others : (listed.get(origin ?? '') ?? others))
}

function linesOf(headers: readonly string[]): string {
  return headers.map((text, at) => (at % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('')
}
