import { type ErrorRequestHandler, type RequestHandler, Router } from 'express'
import type { Admin, Config } from '../../config/config.js'
import {
  type Access,
  accessBy,
  clientAddress,
  countedAddress,
  countsAsEncrypted,
} from '../../http/access/client-rules.js'
import { type Answer, problemFrom, sendAnswer } from '../../http/answers/answer.js'
import { createEndpointPage } from '../../http/answers/endpoint-page.js'
import { negotiate } from '../../http/answers/negotiation.js'
import { preflightSeconds } from '../../http/answers/node-answers.js'
import { methodNotAllowed } from '../../http/answers/pages.js'
import { readBody } from '../../http/bodies/read-body.js'
import { Problem } from '../../lib/errors.js'
import type { NoteRefusal } from '../../lib/limits/refusal-log.js'
import { foreignText } from '../../lib/text/foreign-text.js'
import { userOf } from '../../xmpp/jid/jid.js'
import { endedAnswer } from '../answers.js'
import { type AnsweringParts, type Call, createAnswering, createOftenLog, logged, outcomeOf } from '../calls.js'
import { tabParameters } from '../parameters.js'
import { parametersIn, readFew } from '../read-parameters.js'
import { WarmCalls, type WarmingParts } from '../warming/warm-call.js'
import { createPageAuthentication, type PageAuthenticationParts } from './page-authentication.js'
import { refused as refusedToken, visitClaims } from './page-claims.js'

/** The admin of pages if PAGE_ADMIN is not set. Because of the colon, no other admin has this name. */
const ownName = ':pages'

const methods = 'POST, DELETE, OPTIONS'

export interface ConnectParts extends PageAuthenticationParts {
  readonly warming: WarmingParts
  readonly answering: AnsweringParts
  readonly noteRefusal: NoteRefusal
}

export function createConnectRouter(parts: ConnectParts): Router {
  const { config, warming, noteRefusal } = parts
  const admin = adminOfPages(config)
  const pages = createPageAuthentication(parts, ({ jid, visit }) =>
    warming.limits.countSignOut({ admin: admin.name, user: userOf(jid), visit }),
  )
  const answering = createAnswering(config, parts.answering, () => ({ admin, representation: 'json' }))
  const warmCalls = new WarmCalls(config, warming)

  const authenticate: RequestHandler = async (request, response, next) => {
    await pages.authenticate(request, response)
    next()
  }

  const connect = async (call: Call): Promise<undefined> => {
    const { request } = call
    const { jid, visit, card, token, password, credential, guest } = pages.userOf(request)
    const { tab } = readFew(request.headers['content-type'], await readBody(request), tabParameters)
    const given = { jid, token, password, credential, visit, tab: visit === undefined ? undefined : tab }
    const sent = parametersIn(new Map(Object.entries(given)))
    const guestAddress = guest && countedAddress(request, config)
    return warmCalls.answer(call, sent, 'page', { card, guestToken: guest?.token, guestAddress })
  }

  const disconnect = async ({ request, line }: Call): Promise<Answer> => {
    const { jid, visit } = pages.userOf(request)
    line['jid'] = jid
    if (visit === undefined)
      throw refusedToken(`It has no claim ${visitClaims(config.pages.visit).join(' or ')}, so it names no sessions.`)
    const key = { admin: admin.name, visit, user: userOf(jid) }
    return endedAnswer(line, await warming.sessions.endAll({ visit: key, scope: admin.domains }))
  }

  const router = Router({ caseSensitive: true })
  router
    .route(config.pagePath)
    .all(admitPages(config, noteRefusal))
    .options((_request, response) => void response.status(204).end())
    .all(authenticate, logRefused(config, parts.answering, admin))
    .post(answering('connect', connect))
    .delete(answering('logout', disconnect))
  return router
}

/** Checks the origin, the address and the method. A browser that opens the address gets a page. */
function admitPages(config: Config, noteLook: NoteRefusal): RequestHandler {
  const mayCall = accessOfPages(config)
  const page = createEndpointPage(config, 'connect')
  return (request, response, next) => {
    const { origin } = request.headers
    response.vary('Origin').set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' })
    if (origin !== undefined) {
      demandOrigin(origin, config)
      response.set(corsHeaders(origin, request.method === 'OPTIONS'))
    }
    if (mayCall?.(clientAddress(request, config)) === false)
      throw new Problem('address-forbidden', { setting: 'BOSH_ALLOW, WEBSOCKET_ALLOW' })
    if (methods.split(', ').includes(request.method)) return next()
    response.vary('Accept').set('Allow', methods)
    const isLook = request.method === 'GET' || request.method === 'HEAD'
    if (!isLook || negotiate(request.headers, 'json') === 'json') throw methodNotAllowed(methods)
    noteLook('method', clientAddress(request, config))
    const { type, text } = page(request, countsAsEncrypted(request, config))
    sendAnswer(response, { status: 405, headers: { 'Content-Type': type }, body: text })
  }
}

/** Accepts addresses that may use BOSH or WebSocket. Returns undefined if all addresses may. */
function accessOfPages({ access, bosh, websocket }: Config): Access | undefined {
  const rules = [...(bosh.enabled ? [access.bosh] : []), ...(websocket.enabled ? [access.websocket] : [])]
  const transports = rules.map(accessBy)
  const isForAll = transports.length === 0 || transports.includes(undefined)
  return isForAll ? undefined : address => transports.some(may => may!(address))
}

function demandOrigin(origin: string, { pages }: Config): void {
  if (pages.origins.includes(origin)) return
  const detail = `PAGE_ORIGINS does not list ${foreignText(origin)}.`
  throw new Problem('cross-site-request', { detail, setting: 'PAGE_ORIGINS' })
}

const corsHeaders = (origin: string, isPreflight: boolean) => ({
  'Access-Control-Allow-Origin': origin,
  'Access-Control-Expose-Headers': 'Retry-After, WWW-Authenticate, X-Request-Id',
  ...(isPreflight && {
    'Access-Control-Allow-Methods': methods,
    'Access-Control-Allow-Headers': 'Authorization, Content-Type',
    'Access-Control-Max-Age': String(preflightSeconds),
  }),
})

function adminOfPages({ pages, admins }: Config): Admin {
  const named = admins.find(({ name }) => name === pages.admin)
  return named ?? { name: ownName, secret: '', domains: ['*'], role: 'warm' }
}

function logRefused(config: Config, answering: AnsweringParts, admin: Admin): ErrorRequestHandler {
  const { log, audit, onCall } = answering
  const logOften = createOftenLog(config, answering)
  return (error, request, response, next) => {
    const problem = problemFrom(error)
    const { code, detail } = problem
    const stream = code === 'method-not-allowed' ? log : audit
    // Refused calls with the same cause are one log line a minute. For invalid tokens, each `detail` is a cause.
    const cause = code === 'invalid-token' ? detail : code
    if (code !== 'internal-error')
      logOften(request, stream, { ...outcomeOf(problem), admin: admin.name }, 'connect', cause)
    onCall({ call: request.method === 'DELETE' ? 'logout' : 'connect', code })
    logged.add(response)
    next(error)
  }
}
