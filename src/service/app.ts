import type { IncomingMessage } from 'node:http'
import express, { type ErrorRequestHandler, type Express, type Request, type Router } from 'express'
import type { Config } from '../config/config.js'
import { adminOf } from '../http/access/admins.js'
import { clientAddress } from '../http/access/client-rules.js'
import { homePath } from '../http/addresses.js'
import {
  callIdsOf,
  contentTypes,
  detailOf,
  problemAnswer,
  problemFrom,
  publish,
  sendAnswer,
  sendPage,
} from '../http/answers/answer.js'
import { createAssetsRouter } from '../http/answers/assets.js'
import { documents } from '../http/answers/documents.js'
import { createHostMetaRouter } from '../http/answers/host-meta.js'
import { type Navigation, navigation, publicNavigation } from '../http/answers/navigation.js'
import type { Representation } from '../http/answers/negotiation.js'
import { pagePolicy, readOnly, redirectToTls } from '../http/answers/pages.js'
import { bodyFormat } from '../http/bodies/read-body.js'
import { install } from '../http/fast/install.js'
import { requestIdFrom } from '../lib/call-ids.js'
import { Problem, type ProblemCode } from '../lib/errors.js'
import { traceOf } from '../lib/log.js'
import { foreignText } from '../lib/text/foreign-text.js'
import { idPattern } from '../session/sid.js'
import { represent } from '../warm/answers.js'
import { type AnsweringParts, hiddenFrom, logged } from '../warm/calls.js'
import { type ConnectParts, createConnectRouter } from '../warm/connect/connect-router.js'
import { describeApi } from '../warm/openapi/describe-api.js'
import { createWarmRouter, type WarmParts } from '../warm/warm-router.js'
import type { WarmingParts } from '../warm/warming/warm-call.js'

export interface AppParts extends WarmParts {
  readonly routers: () => readonly Router[]
  readonly demoPath?: string | undefined
}

interface ProblemParts {
  readonly config: Pick<Config, 'externalUrl' | 'warmPath' | 'warm' | 'http' | 'assumeSecure' | 'trustedProxies'>
  readonly answering: Pick<AnsweringParts, 'counts' | 'httpLog' | 'logOften'>
}

export function createApp(config: Config, warming: WarmingParts, parts: AppParts): Express {
  const { answering, routers, demoPath } = parts
  const home = homePath(config.externalUrl)
  const admin = config.warm.hasPages ? home + config.warmPath : undefined
  const demo = demoPath && home + demoPath
  const app = newApp(config)
  if (config.warm.hasPages) app.use(createWarmRouter(config, warming, parts))
  app.use('/assets', readOnly, createAssetsRouter())
  app
    .route('/')
    .all(readOnly)
    .get(redirectToTls(config, '/'), (request, response) => {
      const bar = publicNavigation(config, true)
      const docs = admin !== undefined && documents.size > 0 ? `${admin}/docs/` : undefined
      const { enabled: canWarm } = config.warm
      sendPage(request, response, 'home', { home, admin, canWarm, demo, docs, navigation: bar })
    })
  app.use(createHostMetaRouter(config))
  if (config.warm.enabled) {
    const description = JSON.stringify(describeApi(config))
    app.route('/openapi.json').all(readOnly).get(publish(contentTypes.json, description))
  }
  for (const router of routers()) app.use(router)
  app.use(({ path }) => {
    throw new Problem('not-found', offAt(path, config))
  })
  app.use(createProblemHandler({ config, answering }))
  return app
}

/** Why there is nothing at the path of a part that settings can enable. */
function offAt(path: string, config: Config): { readonly detail?: string; readonly setting?: string } {
  const { bosh, boshPath, websocket, websocketPath, warm, warmPath, pages, pagePath } = config
  const parts = [
    [boshPath, bosh.enabled, 'The BOSH endpoint is', 'BOSH_ENABLED'],
    [websocketPath, websocket.enabled, 'The WebSocket endpoint is', 'WEBSOCKET_ENABLED'],
    [warmPath, warm.hasPages, 'The warm API and the pages for admins are', 'WARM_ENABLED'],
    [pagePath, pages.origins.length > 0, 'Logins of pages with tokens are', 'PAGE_ORIGINS'],
  ] as const
  const off = parts.find(([base, isOn]) => !isOn && (path === base || path.startsWith(`${base}/`)))
  if (off === undefined) return {}
  const [, , subject, setting] = off
  return { detail: `${subject} off here: see ${setting} and HTTP_HOSTS.`, setting }
}

export function createPagesApp(parts: ConnectParts): Express {
  const app = newApp(parts.config)
  app.use(createConnectRouter(parts))
  app.use(createProblemHandler(parts, () => 'json'))
  return app
}

export function createMisdirectedApp(parts: ProblemParts): Express {
  const app = newApp(parts.config)
  app.use('/assets', createAssetsRouter())
  app.use(request => {
    const host = askedHost(request)
    throw new Problem('misdirected-request', { setting: 'HTTP_HOSTS', detail: host && `It is ${host}.` })
  })
  app.use(createProblemHandler(parts))
  return app
}

/** For messages: short, and in ASCII. Undefined without the header Host. */
export function askedHost({ headers }: IncomingMessage): string | undefined {
  return headers.host && foreignText(headers.host).replaceAll(/[^ -~]/g, '?')
}

function newApp({ http }: Pick<Config, 'http'>): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('trust proxy', false)
  app.enable('case sensitive routing')
  install(http.fast, app)
  app.use((request, response, next) => {
    response.set({
      'X-Request-Id': requestIdFrom(request.get('X-Request-Id')),
      'Content-Security-Policy': pagePolicy,
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
    })
    next()
  })
  return app
}

/** Anybody can cause errors: each code gets one log line a minute, with a `count`. */
function createProblemHandler(
  { config, answering: { counts, httpLog: log, logOften } }: ProblemParts,
  representationOf: (request: Request) => Representation = request => represent(request, config.warmPath),
): ErrorRequestHandler {
  // Express recognises an error handler by its four parameters.
  return (error, request, response, _next) => {
    // The client has gone before its body was whole.
    if (error !== undefined && error === request.errored) return
    const ids = callIdsOf(request)
    const { requestId } = ids
    try {
      const problem = problemFrom(error)
      if (problem.code === 'internal-error') {
        counts.faults += 1
        log.error({ ...ids, ...traceOf(problem.cause ?? error) }, 'failed')
      } else if (!logged.has(response)) {
        const { code, setting, detail } = problem
        const about = { ...ids, code, setting, detail, address: clientAddress(request, config) }
        if (!logOften(code, log, about, 'refused')) log.debug(about, 'refused')
      }
      if (response.headersSent) {
        response.destroy()
        return
      }
      if (isHandshake(request)) {
        const { status } = problem
        sendAnswer(response, { status, headers: { 'Content-Type': plainText }, body: `${detailOf(problem)}\n` })
        return
      }
      const representation = representationOf(request)
      const admin = adminOf(request)
      const bar = admin ? navigation(config, request.headers, undefined, hiddenFrom(admin)) : publicNavigation(config)
      const back = linkBack(request, problem.code, config.warmPath, bar)
      const answer = problemAnswer(problem, representation, { requestId, navigation: bar, back })
      sendAnswer(response.vary('Accept'), answer)
    } catch (failure) {
      log.error({ ...ids, ...traceOf(failure) }, 'failed')
      if (response.headersSent) response.destroy()
      else response.status(500).end()
    }
  }
}

const plainText = 'text/plain; charset=utf-8'

/** A handshake, which is passed on without `Upgrade` if no endpoint is at its path. */
const isHandshake = ({ method, headers }: Request) => method === 'GET' && headers['sec-websocket-key'] !== undefined

function linkBack(request: Request, code: ProblemCode, warmPath: string, { home, links }: Navigation) {
  const form = home + warmPath
  const path = home + request.path
  if (isPostedForm(request, warmPath)) return { href: form, text: 'Back to the form' }
  if (code === 'misdirected-request') return undefined
  if (code === 'role-forbidden') return links[0]
  if (code === 'not-found' || !path.startsWith(`${form}/`)) return { href: `${home}/`, text: 'Front page' }
  const [, session] = resumePath.exec(path.slice(form.length)) ?? []
  if (session !== undefined && code === 'method-not-allowed') return { href: form + session, text: 'The session' }
  const section = links.find(({ href }) => href !== form && path.startsWith(href))
  const sessions = links.find(({ href }) => href === `${form}/sessions`)
  const isOther = section !== undefined && section !== sessions
  return isOther || sessions === undefined ? (section ?? links[0]) : { ...sessions, text: 'All sessions' }
}

const resumePath = new RegExp(`^(/${idPattern})/resume/?$`)

function isPostedForm({ method, path, headers }: Request, warmPath: string): boolean {
  const isBrowser = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
  return method === 'POST' && path === warmPath && isBrowser && bodyFormat(headers['content-type']) === 'form'
}
