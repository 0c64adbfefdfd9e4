import { STATUS_CODES } from 'node:http'
import { type ProblemCode, problems } from '../errors.js'
import { passingStatuses } from '../http/answer.js'
import { headers, pages, type Response } from './replies.js'
import { schemaNamed } from './schema.js'

type Codes = readonly ProblemCode[]

// Which problems come of what calls pass. Those of an unknown method or host belong to no operation.

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
export const ofOneSession: Codes = ['forbidden', 'not-found', 'session-not-found', 'not-here']
export const ofLogin: Codes = [
  'missing-parameter',
  'invalid-jid',
  'forbidden',
  'domain-not-allowed',
  'address-not-allowed',
  'not-authorized',
  'account-disabled',
  'credentials-expired',
  'authzid-refused',
  'conflict',
  'host-unknown',
  'remote-connection-failed',
  'tls-unavailable',
  'certificate-invalid',
  'remote-protocol-error',
  'remote-stream-error',
  'no-mechanism',
  'server-not-authentic',
  'login-failed',
  'bind-refused',
  'jid-mismatch',
  'temporary-auth-failure',
  'too-many-sessions',
  'shutting-down',
  'timeout',
]

/** The replies, by status, of a call that may fail by one of these problems. */
export function problemResponses(codes: Codes): Record<string, Response> {
  const byStatus: Record<string, Response> = {}
  for (const { status } of codes.map(code => problems[code])) {
    byStatus[status] ??= response(
      status,
      codes.filter(code => problems[code].status === status),
    )
  }
  return byStatus
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
