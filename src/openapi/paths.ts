import type { Config } from '../config/config.js'
import type { ProblemCode } from '../errors.js'
import { schemaNamed } from '../lib/json-schema.js'
import { handlePattern } from '../session/sid.js'
import type { Parameter } from '../warm/parameter-kinds.js'
import { listParameters, logoutParameters } from '../warm/parameters.js'
import { ofAdmins, ofBody, ofLogin, ofOneSession, ofQuery, problemResponses } from './problems.js'
import { json, pages, plain, type Response, redirection, response } from './replies.js'

interface Call {
  readonly operationId: string
  readonly summary: string
  readonly parameters?: readonly object[]
  readonly requestBody?: object
  /** What it is answered with, by status, if nothing goes wrong here. */
  readonly success: Readonly<Record<number, Response>>
  /** By what it may fail, beside what all calls of admins may. */
  readonly problems: readonly ProblemCode[]
}

/** A call of an admin. */
const call = ({ success, problems, ...about }: Call) => ({
  ...about,
  responses: { ...success, ...problemResponses([...ofAdmins, ...problems]) },
})

/** A call that takes no credentials. */
const open = ({ success, problems, ...about }: Call) => ({
  ...about,
  security: [],
  responses: { ...success, ...problemResponses(problems) },
})

const inJson = (name: string) => json(schemaNamed(name))

function requestBody(name: string, required: boolean) {
  const content = { schema: schemaNamed(name) }
  return { required, content: { 'application/json': content, 'application/x-www-form-urlencoded': content } }
}

const inQuery = (table: Readonly<Record<string, Parameter<unknown>>>, required: boolean) =>
  Object.entries(table).map(
    ([
      name,
      {
        schema: { description, ...schema },
      },
    ]) => ({
      name,
      in: 'query',
      required,
      description,
      schema,
    }),
  )

const id = {
  name: 'id',
  in: 'path',
  required: true,
  description: "The session's handle.",
  schema: { type: 'string', pattern: `^${handlePattern}$` },
}

type Paths = Readonly<Record<string, object>>

/** The paths of the document: what programs ask for, and the pages that stand at the same addresses. */
export function describePaths({ warm, warmPath, http }: Config): Paths {
  return {
    ...(warm.enabled && describeWarmApi(warmPath)),
    ...(http.hostMeta && hostMeta),
    ...health,
    '/openapi.json': {
      get: open({
        operationId: 'describe',
        summary: 'Describes this API.',
        success: { 200: response('An OpenAPI 3.1 document.', json({ type: 'object' })) },
        problems: [],
      }),
    },
  }
}

function describeWarmApi(warmPath: string): Paths {
  return {
    [warmPath]: {
      get: call({
        operationId: 'showForm',
        summary: 'Shows a form that does the same as the call.',
        success: { 200: response('The form.', pages), 308: redirection('It is shown over TLS only.') },
        problems: [],
      }),
      post: call({
        operationId: 'warm',
        summary: 'Logs a user in and answers with a session that a page can attach to.',
        requestBody: requestBody('WarmRequest', true),
        success: { 200: response('The session.', { ...inJson('Binding'), ...pages }) },
        problems: [...ofBody, ...ofLogin],
      }),
    },
    [`${warmPath}/sessions`]: {
      get: call({
        operationId: 'listSessions',
        summary: 'Lists the sessions of the domains that this admin may call for.',
        parameters: inQuery(listParameters, false),
        success: { 200: response('A part of the list.', { ...inJson('SessionList'), ...pages }) },
        problems: ofQuery,
      }),
      delete: call({
        operationId: 'logOutEverywhere',
        summary: 'Ends the sessions of a user.',
        parameters: inQuery(logoutParameters, true),
        success: { 200: response('They have ended.', inJson('Ended')) },
        problems: ['missing-parameter', ...ofQuery],
      }),
    },
    [`${warmPath}/{id}`]: {
      parameters: [id],
      get: call({
        operationId: 'showSession',
        summary: 'Tells how a session stands.',
        success: { 200: response('The session.', { ...inJson('Session'), ...pages }) },
        problems: ofOneSession,
      }),
      delete: call({
        operationId: 'logOut',
        summary: 'Ends a session: the XMPP server sees its user log out.',
        success: { 204: response('It has ended.') },
        problems: ofOneSession,
      }),
    },
    [`${warmPath}/{id}/resume`]: {
      parameters: [id],
      post: call({
        operationId: 'resume',
        summary: 'Hands a live session to another page and fences off the one before.',
        requestBody: requestBody('ResumeRequest', false),
        success: { 200: response('The session.', { ...inJson('Binding'), ...pages }) },
        problems: [...ofBody, ...ofOneSession, 'shutting-down'],
      }),
    },
  }
}

const health: Paths = {
  '/healthz': {
    get: open({
      operationId: 'isAlive',
      summary: 'Tells whether the process is alive.',
      success: { 200: plain('It is.') },
      problems: [],
    }),
  },
  '/readyz': {
    get: open({
      operationId: 'isReady',
      summary: 'Tells whether new sessions are taken.',
      success: { 200: plain('They are.'), 503: plain('They are not: the service starts or stops.') },
      problems: [],
    }),
  },
}

const hostMeta: Paths = {
  '/.well-known/host-meta': {
    get: open({
      operationId: 'hostMetaXrd',
      summary: 'Tells clients where the BOSH endpoint is, in XML.',
      success: { 200: response('An XRD document.', { 'application/xrd+xml': {} }) },
      problems: ['not-found'],
    }),
  },
  '/.well-known/host-meta.json': {
    get: open({
      operationId: 'hostMeta',
      summary: 'Tells clients where the BOSH endpoint is.',
      success: { 200: response('The endpoint.', inJson('HostMeta')) },
      problems: ['not-found'],
    }),
  },
}
