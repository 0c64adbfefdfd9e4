import type { Config } from '../../config/config.js'
import type { ProblemCode } from '../../lib/errors.js'
import { type Schema, schemaNamed } from '../../lib/text/json-schema.js'
import { handlePattern } from '../../session/sid.js'
import type { Parameter } from '../parameter-kinds.js'
import { listParameters, logoutParameters } from '../parameters.js'
import { ofAdmins, ofBody, ofLogin, ofOneSession, ofQuery, problemResponses } from './problems.js'
import { json, pages, plain, type Response, redirection, response } from './replies.js'

type Paths = Readonly<Record<string, object>>

export function describePaths({ warm, warmPath, http }: Config): Paths {
  return {
    ...(warm.enabled && describeWarmApi(warmPath)),
    ...(http.hostMeta && hostMeta),
    '/healthz': open('isAlive', 'Tells whether the process is alive.', { 200: plain('It is.') }),
    '/readyz': open('isReady', 'Tells whether new sessions are taken.', {
      200: plain('They are.'),
      503: plain('They are not: the service starts or stops.'),
    }),
    '/openapi.json': open('describe', 'Describes this API.', {
      200: response('An OpenAPI 3.1 document.', json({ type: 'object' })),
    }),
  }
}

function describeWarmApi(warmPath: string): Paths {
  const binding = { 200: response('The session.', { ...inJson('Binding'), ...pages }) }
  const id: Schema = { type: 'string', pattern: `^${handlePattern}$` }
  const parameters = [
    { name: 'id', in: 'path', required: true, description: "The session's handle.", schema: id },
  ]
  return {
    [warmPath]: {
      get: call('showForm', 'Shows a form that does the same as the call.', {
        200: response('The form.', pages),
        308: redirection('It is shown over TLS only.'),
      }),
      post: call(
        'warm',
        'Logs a user in and answers with a session that a page can attach to.',
        binding,
        [...ofBody, ...ofLogin],
        requestBody('WarmRequest', true),
      ),
    },
    [`${warmPath}/sessions`]: {
      get: call(
        'listSessions',
        'Lists the sessions of the domains that this admin may call for.',
        { 200: response('A part of the list.', { ...inJson('SessionList'), ...pages }) },
        ofQuery,
        inQuery(listParameters, false),
      ),
      delete: call(
        'logOutEverywhere',
        'Ends the sessions of a user.',
        { 200: response('They have ended.', inJson('Ended')) },
        ['missing-parameter', ...ofQuery],
        inQuery(logoutParameters, true),
      ),
    },
    [`${warmPath}/{id}`]: {
      parameters,
      get: call(
        'showSession',
        'Tells how a session stands.',
        { 200: response('The session.', { ...inJson('Session'), ...pages }) },
        ofOneSession,
      ),
      delete: call(
        'logOut',
        'Ends a session: the XMPP server sees its user log out.',
        { 204: response('It has ended.') },
        ofOneSession,
      ),
    },
    [`${warmPath}/{id}/end`]: {
      parameters,
      get: call(
        'askWhetherToEnd',
        'Asks people whether the session is to end.',
        { 200: response('The question, with a form.', pages) },
        ofOneSession,
      ),
      post: call(
        'endByForm',
        'Ends a session by the form of this service. Programs call the session with DELETE.',
        { 200: response('It has ended.', { ...inJson('Ended'), ...pages }) },
        [...ofBody, ...ofOneSession],
        requestBody('EndRequest', true, [inForm]),
      ),
    },
    [`${warmPath}/{id}/resume`]: {
      parameters,
      post: call(
        'resume',
        'Hands a live session to another page and fences off the one before.',
        binding,
        [...ofBody, ...ofOneSession, 'shutting-down'],
        requestBody('ResumeRequest', false),
      ),
    },
  }
}

const hostMeta: Paths = {
  '/.well-known/host-meta': open(
    'hostMetaXrd',
    'Tells clients where the BOSH endpoint is, in XML.',
    { 200: response('An XRD document.', { 'application/xrd+xml': {} }) },
    ['not-found'],
  ),
  '/.well-known/host-meta.json': open(
    'hostMeta',
    'Tells clients where the BOSH endpoint is.',
    { 200: response('The endpoint.', inJson('HostMeta')) },
    ['not-found'],
  ),
}

type Responses = Readonly<Record<number, Response>>
type Codes = readonly ProblemCode[]

/** A call of an admin. `codes` are beside those that all calls have in common. */
function call(operationId: string, summary: string, answers: Responses, codes: Codes = [], about = {}) {
  const responses = { ...answers, ...problemResponses([...ofAdmins, ...codes]) }
  return { operationId, summary, ...about, responses }
}

/** An address that needs no credentials. */
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

function inQuery(table: Readonly<Record<string, Parameter<unknown>>>, required: boolean) {
  const parameters = Object.entries(table).map(([name, { schema: about }]) => {
    const { description, ...schema } = about
    return { name, in: 'query', required, description, schema }
  })
  return { parameters }
}
