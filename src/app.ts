import { randomUUID } from 'node:crypto'
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type Response,
  type Router,
} from 'express'
import type { Logger } from 'pino'
import type { Config } from './config/config.js'
import { Problem } from './errors.js'
import { homePath } from './http/addresses.js'
import { contentTypes, pageType, problemAnswer, problemFrom, sendAnswer } from './http/answer.js'
import { createAssetsRouter } from './http/assets.js'
import { bodyFormat } from './http/body.js'
import { clientAddress } from './http/client.js'
import { install } from './http/fast/install.js'
import { createHostMetaRouter } from './http/host-meta.js'
import { readOnly } from './http/methods.js'
import { negotiate } from './http/negotiation.js'
import { pagePolicy } from './http/page-policy.js'
import { redirectToTls } from './http/secure-redirect.js'
import { registerViews } from './http/views.js'
import { traceOf } from './log.js'
import { describeApi } from './openapi/document.js'
import { represent } from './warm/binding-answer.js'
import { isLogged } from './warm/calls.js'
import { createWarmRouter, type WarmParts } from './warm/warm-router.js'

export interface AppParts extends WarmParts {
  readonly extraRouters?: readonly Router[]
  /** For everything but the warm API; `log` where it is not given. */
  readonly httpLog?: Logger
}

/** What the answers to problems are made with. */
type ProblemParts = Pick<WarmParts, 'config' | 'log' | 'counts'>

/** The Express app: everything but the BOSH path and the health checks, which have listeners of their own. */
export function createApp({ extraRouters = [], httpLog, ...parts }: AppParts): Express {
  const { config } = parts
  const log = httpLog ?? parts.log
  const home = homePath(config.externalUrl)
  const form = config.warm.enabled ? home + config.warmPath : undefined
  const app = newApp(config)
  // First, so that calls run through no other route.
  if (config.warm.enabled) app.use(createWarmRouter(parts))
  app.use('/assets', readOnly, createAssetsRouter())
  app
    .route('/')
    .all(readOnly)
    .get(redirectToTls(config, '/'), (request, response) => {
      response.vary('Accept').type(pageType(negotiate(request.headers)))
      response.render('home', { home, form })
    })
  if (config.http.hostMeta) app.use(createHostMetaRouter(config))
  if (config.warm.enabled) {
    const description = JSON.stringify(describeApi(config))
    app
      .route('/openapi.json')
      .all(readOnly)
      .get((_request, response) => {
        const headers = { 'Content-Type': contentTypes.json, 'Cache-Control': 'no-cache' }
        sendAnswer(response, { status: 200, headers, body: description })
      })
  }
  for (const router of extraRouters) app.use(router)
  app.use(() => {
    throw new Problem('not-found')
  })
  app.use(answerProblems({ ...parts, log }))
  return app
}

/** The app for hosts that are not in the settings: a refusal, and the styles of its page. */
export function createMisdirectedApp(parts: ProblemParts): Express {
  const app = newApp(parts.config)
  app.use('/assets', createAssetsRouter())
  app.use(() => {
    throw new Problem('misdirected-request')
  })
  app.use(answerProblems(parts))
  return app
}

/** An app with the settings and headers that all pages have in common. */
function newApp({ http }: Pick<Config, 'http'>): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('trust proxy', false)
  // As the dispatcher in front of it is, and proxies are: their rules are for a path in one spelling.
  app.enable('case sensitive routing')
  registerViews(app)
  install(http.fast, app)
  app.use((_request, response, next) => {
    response.set({
      'X-Request-Id': randomUUID(),
      'Content-Security-Policy': pagePolicy,
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
    })
    next()
  })
  return app
}

function answerProblems({ config, log, counts }: ProblemParts): ErrorRequestHandler {
  const home = homePath(config.externalUrl)
  const form = home + config.warmPath
  const answer = (error: unknown, request: Request, response: Response) => {
    const problem = problemFrom(error)
    const requestId = response.get('X-Request-Id')
    if (problem.code === 'internal-error') {
      if (counts !== undefined) counts.faults += 1
      log.error({ requestId, ...traceOf(problem.cause ?? error) }, 'failed')
    } else if (!isLogged(response)) {
      log.info({ requestId, code: problem.code, address: clientAddress(request, config) }, 'refused')
    }
    if (response.headersSent) {
      response.destroy()
      return
    }
    response.vary('Accept')
    const formBehind = isPostedForm(request, config.warmPath) ? form : undefined
    sendAnswer(
      response,
      problemAnswer(problem, represent(request, config.warmPath), { requestId, home, form: formBehind }),
    )
  }
  // Express takes a function of four parameters for an error handler. Its own would show the error to the client.
  return (error, request, response, _next) => {
    try {
      answer(error, request, response)
    } catch (failure) {
      log.error({ requestId: response.get('X-Request-Id'), ...traceOf(failure) }, 'failed')
      if (response.headersSent) response.destroy()
      else response.status(500).end()
    }
  }
}

/** Whether a browser has posted the form: its error page links back to it. Programs that post a form need no link. */
function isPostedForm({ method, path, headers }: Request, warmPath: string): boolean {
  const isBrowser = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
  return method === 'POST' && path === warmPath && isBrowser && bodyFormat(headers['content-type']) === 'form'
}
