import { STATUS_CODES } from 'node:http'
import type { Config } from '../../config/config.js'
import { statusesWithRetryAfter } from '../../http/answers/answer.js'
import { type ProblemCode, problems } from '../../lib/errors.js'
import { type Schema, schemaNamed } from '../../lib/text/json-schema.js'
import { idPattern } from '../../session/sid.js'
import { auditParameters } from '../numbers/audit-page.js'
import type { Parameter } from '../parameter-kinds.js'
import { listParameters, logoutParameters } from '../parameters.js'
import { headers, json, pages, type Response, redirection, response, textReply } from './replies.js'

type Paths = Readonly<Record<string, object>>
type Responses = Readonly<Record<number, Response>>
type Codes = readonly ProblemCode[]

const ofAll: Codes = ['insecure-channel', 'address-forbidden', 'too-many-requests', 'service-full', 'internal-error']
const ofAdmins: Codes = ['unauthorized', 'client-certificate-required', 'role-forbidden', ...ofAll]
const ofPages: Codes = ['invalid-token', 'store-unavailable', 'keys-unavailable', 'cross-site-request', ...ofAll]
const ofBody: Codes = [
  'invalid-parameter',
  'invalid-body',
  'cross-site-request',
  'body-too-large',
  'unsupported-media-type',
]
const ofQuery: Codes = ['invalid-parameter', 'invalid-jid', 'forbidden', 'store-unavailable']
const ofOneSession: Codes = ['forbidden', 'session-not-found', 'not-here', 'session-unreachable', 'store-unavailable']
const notOfLogin: Codes = ['not-found', 'not-here', 'session-unreachable', 'method-not-allowed', 'misdirected-request']
const ofLogin = (Object.keys(problems) as Codes).filter(code => !notOfLogin.includes(code))

export function describePaths({ warm, warmPath, pages, pagePath }: Config): Paths {
  return {
    ...(warm.enabled && describeWarmApi(warmPath)),
    ...(pages.origins.length > 0 && describePages(pagePath, pages.guests !== undefined)),
    ...hostMeta,
    '/healthz': open('isAlive', 'Whether the process is alive.', { 200: textReply('The process is alive.') }),
    '/readyz': open('isReady', 'Whether the process accepts new sessions.', {
      200: textReply('The process accepts new sessions.'),
      503: textReply('The process starts, stops, drains or is full.'),
    }),
    '/openapi.json': open('describe', 'Describes this API.', {
      200: response('An OpenAPI 3.1 document.', json({ type: 'object' })),
    }),
  }
}

function describeWarmApi(warmPath: string): Paths {
  const shown = (what: string, name: string) => ({ 200: response(what, { ...inJson(name), ...pages }) })
  const binding = shown('The session.', 'Binding')
  const list = shown('A part of the list.', 'SessionList')
  const numbers = shown('The numbers.', 'Numbers')
  const failures = shown('The failures.', 'Failures')
  const lines = shown('The lines.', 'Audit')
  const form = { 200: response('The form.', pages) }
  const ended = { 200: response('Ended.', inJson('Ended')) }
  const formOrPage = { ...form, 308: redirection('The form needs TLS.') }
  const endedOrPage = { ...ended, 303: redirection('Ended. `Location` is a page for admins.') }
  const ofWarm = [...ofBody, ...ofLogin]
  const ofEnd = [...ofBody, ...ofOneSession]
  const ofLogout: Codes = ['missing-parameter', ...ofQuery]
  const ofFilter: Codes = ['invalid-parameter']
  const toWarm = requestBody('WarmRequest', true)
  const toEnd = requestBody('EndRequest', true, [inForm])
  const toResume = requestBody('ResumeRequest', false)
  const toList = inQuery(listParameters)
  const toLogOut = inQuery(logoutParameters)
  const id: Schema = { type: 'string', pattern: `^${idPattern}$` }
  const description = 'The public id of the session.'
  const parameters = [{ name: 'id', in: 'path', required: true, description, schema: id }]
  return {
    [warmPath]: {
      get: call('showForm', 'Shows the form that logs a user in.', formOrPage),
      post: call('warm', 'Logs a user in, and returns a session for a page.', binding, ofWarm, toWarm),
    },
    [`${warmPath}/sessions`]: {
      get: call('listSessions', 'Lists the sessions of the domains of this admin.', list, ofQuery, toList),
      delete: call('logOutEverywhere', 'Ends the sessions of a user or of a visit.', ended, ofLogout, toLogOut),
    },
    [`${warmPath}/numbers`]: {
      get: call('showNumbers', 'Shows current numbers, and numbers of the last hour.', numbers, ofFilter),
    },
    [`${warmPath}/failures`]: { get: call('showFailures', 'Shows why recent logins failed.', failures, ofFilter) },
    [`${warmPath}/audit`]: {
      get: call('showAudit', 'Shows the last lines of the audit trail.', lines, ofFilter, inQuery(auditParameters)),
    },
    [`${warmPath}/{id}`]: {
      parameters,
      get: call('showSession', 'Shows a session.', shown('The session.', 'Session'), ofOneSession),
      delete: call('logOut', 'Ends a session.', { 204: response('Ended.') }, ofOneSession),
    },
    [`${warmPath}/{id}/end`]: {
      parameters,
      get: call('askWhetherToEnd', 'Shows the form that ends a session.', form, ofOneSession),
      post: call('endByForm', 'Ends a session by the form. Programs use DELETE.', endedOrPage, ofEnd, toEnd),
    },
    [`${warmPath}/{id}/resume`]: {
      parameters,
      post: call(
        'resume',
        'Hands a session over to a new page. The previous page loses the session.',
        binding,
        [...ofEnd, 'shutting-down'],
        toResume,
      ),
    },
  }
}

const inJsonOnly = (codes: Codes) => problemResponses(codes, {})

function describePages(pagePath: string, takesGuests: boolean): Paths {
  const codes = [...ofPages, ...ofBody, ...ofLogin].filter(code => code !== 'unauthorized')
  return {
    [pagePath]: {
      post: {
        operationId: 'connect',
        summary: `Logs the user of a token${takesGuests ? ', or a guest,' : ''} in, and returns a session for the page.`,
        security: [{ page: [] }, ...(takesGuests ? [{}] : [])],
        ...requestBody('ConnectRequest', false),
        responses: { 200: response('The session.', inJson('Binding')), ...inJsonOnly(codes) },
      },
      delete: {
        operationId: 'disconnect',
        summary: 'Ends the sessions of the visit of a token.',
        security: [{ page: [] }],
        responses: { 200: response('Ended.', inJson('Ended')), ...inJsonOnly(ofPages) },
      },
    },
  }
}

const xrd = { 200: response('An XRD document.', { 'application/xrd+xml': {} }) }
const endpoints = { 200: response('The endpoints.', inJson('HostMeta')) }
const hostMeta: Paths = {
  '/.well-known/host-meta': open('hostMetaXrd', 'The BOSH and WebSocket endpoints, in XML.', xrd, ['not-found']),
  '/.well-known/host-meta.json': open('hostMeta', 'The BOSH and WebSocket endpoints.', endpoints, ['not-found']),
}

function call(operationId: string, summary: string, answers: Responses, codes: Codes = [], about = {}) {
  const responses = { ...answers, ...problemResponses([...ofAdmins, ...codes]) }
  return { operationId, summary, ...about, responses }
}

function open(operationId: string, summary: string, answers: Responses, codes: Codes = []) {
  const responses = { ...answers, ...problemResponses(codes) }
  return { get: { operationId, summary, security: [], responses } }
}

function inJson(name: string) {
  return json(schemaNamed(name))
}

const inForm = 'application/x-www-form-urlencoded'

function requestBody(name: string, required: boolean, types = ['application/json', inForm]) {
  const content = { schema: schemaNamed(name) }
  return { requestBody: { required, content: Object.fromEntries(types.map(type => [type, content])) } }
}

function inQuery(table: Readonly<Record<string, Parameter<unknown>>>) {
  const parameters = Object.entries(table).map(([name, { schema: about }]) => {
    const { description, ...schema } = about
    return { name, in: 'query', required: false, description, schema }
  })
  return { parameters }
}

function problemResponses(codes: Codes, others: object = pages): Record<string, Response> {
  const statuses = new Set(codes.map(code => problems[code].status))
  const codesOf = (status: number) => [...new Set(codes)].filter(code => problems[code].status === status)
  return Object.fromEntries([...statuses].map(status => [status, problemResponse(status, codesOf(status), others)]))
}

function problemResponse(status: number, codes: Codes, others: object): Response {
  const sentences = codes.map(code => `- \`${code}\`: ${problems[code].sentence}`)
  const narrower = { properties: { status: { const: status }, code: { enum: codes } } }
  return {
    description: `${STATUS_CODES[status]}\n\n${sentences.join('\n')}`,
    headers: headers(
      'X-Request-Id',
      ...(statusesWithRetryAfter.has(status) ? (['Retry-After'] as const) : []),
      ...(status === 401 ? (['WWW-Authenticate'] as const) : []),
    ),
    content: {
      'application/problem+json': { schema: { type: 'object', allOf: [schemaNamed('Problem'), narrower] } },
      ...others,
    },
  }
}
