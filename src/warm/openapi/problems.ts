import { STATUS_CODES } from 'node:http'
import { passingStatuses } from '../../http/answers/answer.js'
import { type ProblemCode, problems } from '../../lib/errors.js'
import { schemaNamed } from '../../lib/text/json-schema.js'
import { headers, pages, type Response } from './replies.js'

type Codes = readonly ProblemCode[]

// Problems by call. Those of an unknown method or host belong to no operation.

export const ofAdmins: Codes = [
  'unauthorized',
  'insecure-channel',
  'address-forbidden',
  'too-many-requests',
  'service-full',
  'internal-error',
]
export const ofBody: Codes = [
  'invalid-parameter',
  'invalid-body',
  'cross-site-request',
  'body-too-large',
  'unsupported-media-type',
]
export const ofQuery: Codes = ['invalid-parameter', 'invalid-jid', 'forbidden']
const ofAnySession: Codes = ['not-found', 'session-not-found', 'not-here', 'session-unreachable']
export const ofOneSession: Codes = ['forbidden', ...ofAnySession]
const notOfLogin: Codes = [
  'not-found',
  'not-here',
  'session-unreachable',
  'method-not-allowed',
  'misdirected-request',
]
export const ofLogin = (Object.keys(problems) as Codes).filter(code => !notOfLogin.includes(code))

export function problemResponses(codes: Codes): Record<string, Response> {
  const statuses = new Set(codes.map(code => problems[code].status))
  const codesOf = (status: number) => [...new Set(codes)].filter(code => problems[code].status === status)
  return Object.fromEntries([...statuses].map(status => [status, response(status, codesOf(status))]))
}

function response(status: number, codes: Codes): Response {
  const sentences = codes.map(code => `- \`${code}\`: ${problems[code].sentence}`)
  const narrower = { properties: { status: { const: status }, code: { enum: codes } } }
  return {
    description: `${STATUS_CODES[status]}\n\n${sentences.join('\n')}`,
    headers: headers(
      'X-Request-Id',
      ...(passingStatuses.has(status) ? (['Retry-After'] as const) : []),
      ...(status === 401 ? (['WWW-Authenticate'] as const) : []),
    ),
    content: {
      'application/problem+json': { schema: { type: 'object', allOf: [schemaNamed('Problem'), narrower] } },
      ...pages,
    },
  }
}
