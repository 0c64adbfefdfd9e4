import { type ErrorRequestHandler, type Request, type RequestHandler, Router } from 'express'
import type { Admin, Config } from '../../config/config.js'
import { isForwardedByPeer } from '../../forwarding/peer-listener.js'
import {
  type Access,
  accessBy,
  clientAddress,
  countedAddress,
  countsAsEncrypted,
  type PublicEndpoint,
  takesPasswords,
} from '../../http/access/client-rules.js'
import { type Answer, problemFrom, sendAnswer } from '../../http/answers/answer.js'
import { negotiate } from '../../http/answers/negotiation.js'
import { preflightSeconds } from '../../http/answers/node-answers.js'
import { methodNotAllowed } from '../../http/answers/pages.js'
import { readBody } from '../../http/bodies/read-body.js'
import { clientOf } from '../../lib/client-network.js'
import { limitDetail } from '../../lib/counts.js'
import { Problem } from '../../lib/errors.js'
import { KeyedQueue } from '../../lib/limits/keyed-queue.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { refusalLog } from '../../lib/limits/refusal-log.js'
import { foreignText } from '../../lib/text/foreign-text.js'
import { parseJid, userOf } from '../../xmpp/jid/jid.js'
import { endedAnswer } from '../answers.js'
import { type AnsweringParts, type Call, createAnswering, createOftenLog, logged, outcomeOf } from '../calls.js'
import { tabParameters } from '../parameters.js'
import { parametersIn, readFew } from '../read-parameters.js'
import { createWarm, type WarmingParts } from '../warming/warm-call.js'
import { isServiceAccount } from '../warming/warm-request.js'
import { refused as refusedToken } from './page-claims.js'
import type { PageTokens, PageUser, TrySeveral } from './page-tokens.js'

/** The admin of pages if PAGE_ADMIN is not set. Because of the colon, no other admin has this name. */
const ownName = ':pages'

export interface ConnectParts {
  readonly config: Config
  readonly warming: WarmingParts
  readonly answering: AnsweringParts
  readonly pageTokens: Pick<PageTokens, 'userOf'>
  readonly isTooOften: (address: string) => Promise<boolean>
  readonly refusedSignOuts: RefusedSignOuts
  readonly refused: OnRefused
  readonly page: PublicEndpoint['page']
}

const methods = 'POST, DELETE, OPTIONS'

/** Checks that run at once for each client, so that few begin before their refusals count. */
const checksAtOnce = 2

export interface RefusedSignOuts {
  /** Does not count. */
  readonly areTooMany: (address: string) => Promise<boolean>
  readonly count: (address: string) => Promise<void>
}

export function createConnectRouter(parts: ConnectParts): Router {
  const { config, warming, pageTokens, isTooOften, refusedSignOuts, refused, page } = parts
  const { log, audit } = parts.answering
  const admin = adminOfPages(config)
  const mayCall = accessOfPages(config)
  const isSafe = takesPasswords(config)
  const answering = createAnswering(config, parts.answering, { adminOf: () => admin, representationOf: () => 'json' })
  const logOften = createOftenLog(config, parts.answering)
  const noteLook = refusalLog(parts.answering.clock, log, 'a client was refused')
  const warm = createWarm(config, warming)
  const users = new WeakMap<Request, PageUser>()

  const admit: RequestHandler = (request, response, next) => {
    const { origin } = request.headers
    response.vary('Origin').set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' })
    if (origin !== undefined) {
      if (!config.pages.origins.includes(origin))
        throw new Problem('cross-site-request', {
          detail: `PAGE_ORIGINS does not list ${foreignText(origin)}.`,
          setting: 'PAGE_ORIGINS',
        })
      response.set({
        'Access-Control-Allow-Origin': origin,
        'Access-Control-Expose-Headers': 'Retry-After, WWW-Authenticate, X-Request-Id',
      })
      if (request.method === 'OPTIONS')
        response.set({
          'Access-Control-Allow-Methods': methods,
          'Access-Control-Allow-Headers': 'Authorization, Content-Type',
          'Access-Control-Max-Age': String(preflightSeconds),
        })
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

  const tooMany = (address: string) => {
    refused('rate', { address })
    return new Problem('too-many-requests', { detail: limitDetail('rate') })
  }
  const signOutChecks = createSignOutChecks(refusedSignOuts, tooMany)

  const userIn = async (token: string | undefined, trySeveral?: TrySeveral): Promise<PageUser> => {
    if (token === undefined) throw new Problem('invalid-token', { detail: 'Send it as Authorization: Bearer.' })
    const user = await pageTokens.userOf(token, trySeveral)
    if (config.pages.login === 'service' && isServiceAccount(parseJid(user.jid)!, config.serviceAccounts))
      throw refusedToken(
        'Its user is the account in XMPP_SERVICE_ACCOUNTS. The portal must give no user the name of this account.',
      )
    return user
  }

  const authenticate: RequestHandler = async (request, response, next) => {
    if (!isSafe(request)) throw new Problem('insecure-channel', { setting: 'ASSUME_SECURE' })
    const address = countedAddress(request, config)
    const isSignOut = request.method === 'DELETE'
    if (!isSignOut && !isForwardedByPeer(request) && (await isTooOften(address))) throw tooMany(address)
    const token = bearerIn(request.headers.authorization)
    try {
      const user = await userIn(token, isSignOut ? signOutChecks(address) : undefined)
      users.set(request, user)
      if (isSignOut) await warming.limits.countSignOut({ admin: admin.name, user: userOf(user.jid), visit: user.visit })
    } catch (error) {
      if (error instanceof Problem && error.code === 'invalid-token')
        response.set('WWW-Authenticate', token === undefined ? 'Bearer' : 'Bearer error="invalid_token"')
      throw error
    }
    next()
  }

  const logRefused: ErrorRequestHandler = (error, request, response, next) => {
    if (!logged.has(response)) {
      const problem = problemFrom(error)
      const stream = problem.code === 'method-not-allowed' ? log : audit
      if (problem.code !== 'internal-error')
        logOften(request, stream, { ...outcomeOf(problem), admin: admin.name }, 'connect', causeOf(problem))
      logged.add(response)
    }
    next(error)
  }

  const connect = async (call: Call): Promise<undefined> => {
    const { request } = call
    const { tab } = readFew(request.headers['content-type'], await readBody(request), tabParameters)
    const { jid, visit, token, password, credential } = users.get(request)!
    const given = { jid, token, password, credential, visit, tab: visit === undefined ? undefined : tab }
    return warm(call, parametersIn(new Map(Object.entries(given))), 'page')
  }

  const disconnect = async ({ request, line }: Call): Promise<Answer> => {
    const { jid, visit } = users.get(request)!
    line['jid'] = jid
    if (visit === undefined) throw refusedToken('It has no claim visit or sid, so it names no sessions.')
    const key = { admin: admin.name, visit, user: userOf(jid) }
    return endedAnswer(line, await warming.sessions.endAll({ visit: key, scope: admin.domains }))
  }

  const router = Router({ caseSensitive: true })
  router
    .route(config.pagePath)
    .all(admit)
    .options((_request, response) => void response.status(204).end())
    .all(authenticate)
    .post(answering('connect', connect))
    .delete(answering('logout', disconnect))
    .all(logRefused)
  return router
}

/** Accepts addresses that may use BOSH or WebSocket. Returns undefined if all addresses may. */
function accessOfPages({ access, bosh, websocket }: Config): Access | undefined {
  const rules = [...(bosh.enabled ? [access.bosh] : []), ...(websocket.enabled ? [access.websocket] : [])]
  const transports = rules.map(accessBy)
  const isForAll = transports.length === 0 || transports.includes(undefined)
  return isForAll ? undefined : address => transports.some(may => may!(address))
}

/** Refused calls with the same cause are one log line a minute. For invalid tokens, each `detail` is a cause. */
const causeOf = ({ code, detail }: Problem) => (code === 'invalid-token' ? detail : undefined)

/** RFC 6750 §2.1. */
function bearerIn(authorization: string | undefined): string | undefined {
  return /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1]
}

function adminOfPages({ pages, admins }: Config): Admin {
  const named = admins.find(({ name }) => name === pages.admin)
  return named ?? { name: ownName, secret: '', domains: ['*'], role: 'warm' }
}

const inOrder = { isUrgent: () => false, onBegin: () => {} }

/**
 * A sign-out must not fail because of others behind the same address. So only tokens are limited for which several keys
 * must be tried, because each key takes milliseconds. Backends sign out all users from one address, so only refused
 * tokens count.
 */
export function createSignOutChecks({ areTooMany, count }: RefusedSignOuts, tooMany: (address: string) => Error) {
  const queue = new KeyedQueue(checksAtOnce)
  return (address: string): TrySeveral =>
    attempt =>
      queue.run(clientOf(address), inOrder, async () => {
        if (await areTooMany(address)) throw tooMany(address)
        try {
          return await attempt()
        } catch (error) {
          await count(address)
          throw error
        }
      })
}
