import { randomUUID } from 'node:crypto'
import express, { type Express, type Router } from 'express'
import type { Logger } from 'pino'
import type { Config } from './config/config.js'
import { homePath } from './http/addresses.js'
import { contentTypes, publish, sendPage } from './http/answers/answer.js'
import { createAssetsRouter } from './http/answers/assets.js'
import { createHostMetaRouter } from './http/answers/host-meta.js'
import { pagePolicy, readOnly, redirectToTls } from './http/answers/pages.js'
import { install } from './http/fast/install.js'
import { Problem } from './lib/errors.js'
import { describeApi } from './warm/openapi/describe-api.js'
import { createProblemHandler, type ProblemParts } from './warm/problem-handler.js'
import { createWarmRouter, type WarmParts } from './warm/warm-router.js'

export interface AppParts extends WarmParts {
  readonly extraRouters: readonly Router[]
  readonly demoPath?: string | undefined
  readonly httpLog: Logger
}

/** All but the BOSH path and the health checks, which have listeners of their own. */
export function createApp(parts: AppParts): Express {
  const { config, counts, clock, extraRouters, demoPath, httpLog } = parts
  const home = homePath(config.externalUrl)
  const form = config.warm.enabled ? home + config.warmPath : undefined
  const demo = demoPath && home + demoPath
  const app = newApp(config)
  // First: calls of the warm API skip the other routes.
  if (config.warm.enabled) app.use(createWarmRouter(parts))
  app.use('/assets', readOnly, createAssetsRouter())
  app
    .route('/')
    .all(readOnly)
    .get(redirectToTls(config, '/'), (request, response) =>
      sendPage(request, response, 'home', { home, form, demo }),
    )
  if (config.http.hostMeta) app.use(createHostMetaRouter(config))
  if (config.warm.enabled) {
    const description = JSON.stringify(describeApi(config))
    app.route('/openapi.json').all(readOnly).get(publish(contentTypes.json, description))
  }
  for (const router of extraRouters) app.use(router)
  app.use(() => {
    throw new Problem('not-found')
  })
  app.use(createProblemHandler({ config, log: httpLog, counts, clock }))
  return app
}

/** For hosts that are not in the settings. */
export function createMisdirectedApp(parts: ProblemParts): Express {
  const app = newApp(parts.config)
  app.use('/assets', createAssetsRouter())
  app.use(() => {
    throw new Problem('misdirected-request')
  })
  app.use(createProblemHandler(parts))
  return app
}

function newApp({ http }: Pick<Config, 'http'>): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('trust proxy', false)
  // As in the dispatcher and in proxies: their rules are for one spelling of a path.
  app.enable('case sensitive routing')
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
