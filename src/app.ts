import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Router } from 'express'
import { Problem } from './errors.js'
import { homePath } from './http/addresses.js'
import { pageType, problemAnswer, problemFrom, sendAnswer } from './http/answer.js'
import { negotiate } from './http/negotiation.js'
import { registerViews } from './views.js'
import { createWarmRouter, type WarmParts } from './warm/router.js'

/** The style sheet's folder; `src` and `dist` lie beside it. */
const assets = fileURLToPath(new URL('../public/', import.meta.url))

/** The Express app: everything but the BOSH path, which `service.ts` answers before it. */
export function createApp({
  extraRouters = [],
  ...parts
}: WarmParts & { readonly extraRouters?: readonly Router[] }): Express {
  const { config, log } = parts
  const home = homePath(config.externalUrl)
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('trust proxy', false)
  registerViews(app)

  app.use(setRequestId, setSecurityHeaders)
  app.get('/', (request, response) => {
    response.vary('Accept').type(pageType(negotiate(request.headers)))
    response.render('home', { home, form: home + config.warmPath })
  })
  app.use('/assets', express.static(assets, { index: false, redirect: false, maxAge: '1h' }))
  app.use(createWarmRouter(parts), ...extraRouters)
  app.use(() => {
    throw new Problem('not-found')
  })

  const answerProblem: ErrorRequestHandler = (error, request, response, next) => {
    const problem = problemFrom(error)
    const requestId = response.get('X-Request-Id')
    if (problem.code === 'internal-error')
      log.error({ requestId, ...trace(problem.cause ?? error) }, 'failed')
    if (response.headersSent) return next(error)
    response.vary('Accept')
    sendAnswer(response, problemAnswer(problem, negotiate(request.headers), { requestId, home }))
  }
  app.use(answerProblem)
  return app
}

const setRequestId: RequestHandler = (_request, response, next) => {
  response.set('X-Request-Id', randomUUID())
  next()
}

const setSecurityHeaders: RequestHandler = (_request, response, next) => {
  response.set({
    'Content-Security-Policy':
      "default-src 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'",
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
  })
  next()
}

/** An unforeseen error by its kind and the way it came. Its message stays out of the log: it may quote a password. */
function trace(error: unknown): object {
  if (!(error instanceof Error)) return { error: typeof error }
  const way = error.stack
    ?.split('\n')
    .filter(line => /^\s+at /.test(line))
    .map(line => line.trim())
  return { error: error.name, code: 'code' in error ? error.code : undefined, way }
}
