import { type Request, type RequestHandler, type Response, Router } from 'express'
import type { Logger } from 'pino'
import { type Clock, systemClock } from '../clock.js'
import type { Config } from '../config/config.js'
import { allowsDomain } from '../config/domains.js'
import { Problem } from '../errors.js'
import { HashQueue } from '../hash-queue.js'
import { boshUrl, homePath } from '../http/addresses.js'
import { createAdmins } from '../http/admins.js'
import { pageType, problemAnswer, problemFrom, sendAnswer } from '../http/answer.js'
import { bodyFormat, readBody } from '../http/body.js'
import { createFormTokens, placeSender } from '../http/csrf.js'
import { negotiate } from '../http/negotiation.js'
import { isSecure } from '../http/secure-channel.js'
import type { Binding, Login } from './binding.js'
import { formatJid } from './jid.js'
import { type Parameters, readParameters } from './parameters.js'
import { bindingAnswer } from './reply.js'
import { toWarmRequest, usualOptions } from './request.js'

/** What the warm API is built on. */
export interface WarmParts {
  readonly config: Config
  readonly login: Login
  /** Ends a session that nobody will ever attach to, by its public handle. */
  readonly release: (id: string) => void
  readonly log: Logger
  readonly clock?: Pick<Clock, 'now'>
  /** Where admins' secrets are hashed, in turn with all other hashes of this process. */
  readonly hashes?: HashQueue
}

const methods = 'GET, HEAD, POST, OPTIONS'

/** The warm API at `config.warmPath`: the form, and the call that logs in. Problems go on to the app's error handler. */
export function createWarmRouter({
  config,
  login,
  release,
  log,
  clock = systemClock,
  hashes = new HashQueue(),
}: WarmParts): Router {
  const home = homePath(config.externalUrl)
  const defaults = { ...config.bosh, attachTimeout: config.warm.attachTimeout }
  const tokens = createFormTokens(() => clock.now())
  const admins = createAdmins({
    admins: config.admins,
    clock,
    hashes,
    refuse: request => {
      const response = request.res!
      const requestId = response.get('X-Request-Id')
      log.info({ requestId, code: 'unauthorized', address: request.socket.remoteAddress }, 'warm')
      const answer = problemAnswer(new Problem('unauthorized'), negotiate(request.headers), {
        requestId,
        home,
      })
      response.set(answer.headers)
      return answer.body
    },
  })

  const requireSecureChannel: RequestHandler = (request, _response, next) => {
    // Before the 401: a browser that is challenged here would send the secret in the clear.
    if (isSecure(request, config)) return next()
    throw new Problem('insecure-channel', {
      detail:
        'Call over TLS, listen on a loopback address, or set ASSUME_SECURE behind a proxy that ends TLS.',
    })
  }

  const showForm: RequestHandler = (request, response) => {
    response.type(pageType(negotiate(request.headers))).render('form', {
      ...usualOptions(defaults),
      home,
      action: home + config.warmPath,
      token: tokens.issue(admins.of(request).name),
    })
  }

  const requireOwnForm = (request: Request, parameters: Parameters) => {
    const { origin, host, 'sec-fetch-site': fetchSite, 'content-type': contentType } = request.headers
    // Another site's page cannot send JSON without asking first, and nobody answers that question here.
    if (bodyFormat(contentType) !== 'form') return
    const sender = placeSender({
      origin,
      fetchSite: fetchSite?.toString(),
      host,
      externalUrl: config.externalUrl,
    })
    if (sender === 'program') return
    if (sender === 'elsewhere') {
      throw new Problem('cross-site-request', {
        detail: 'Behind a proxy that changes the Host header, set EXTERNAL_URL.',
      })
    }
    if (!tokens.accepts(admins.of(request).name, parameters.get('csrf_token'))) {
      throw new Problem('cross-site-request', { detail: 'Reload the form and send it again.' })
    }
  }

  const warm: RequestHandler = async (request, response) => {
    const started = clock.now()
    const admin = admins.of(request)
    const line: Record<string, unknown> = { requestId: response.get('X-Request-Id'), admin: admin.name }
    let binding: Binding | undefined
    const gone = whenGone(response, () => {
      if (binding !== undefined) release(binding.id)
    })
    try {
      const parameters = readParameters(request.headers['content-type'], await readBody(request))
      requireOwnForm(request, parameters)
      const warmRequest = toWarmRequest(parameters, defaults)
      const { jid } = warmRequest
      line['jid'] = formatJid({ ...jid, resource: undefined })
      if (!allowsDomain(config.domains, jid.domain)) throw new Problem('domain-not-allowed')
      if (!allowsDomain(admin.domains, jid.domain)) throw new Problem('forbidden')

      const bound = await login(warmRequest, gone)
      line['id'] = bound.id
      binding = bound
      if (gone.aborted) return release(bound.id)
      sendAnswer(response, bindingAnswer(bound, boshUrl(config, request), negotiate(request.headers)))
      line['code'] = 'ok'
    } catch (error) {
      if (gone.aborted) return
      if (binding !== undefined) release(binding.id)
      binding = undefined
      Object.assign(line, outcome(problemFrom(error)))
      throw error
    } finally {
      // Whoever hung up has no code: there was nobody left to be told one.
      log.info({ code: 'client-gone', ...line, ms: Math.round(clock.now() - started) }, 'warm')
    }
  }

  const router = Router()
  router
    .route(config.warmPath)
    .all(setHeaders)
    .options((_request, response) => {
      response.set('Allow', methods).status(204).end()
    })
    .all(refuseOtherMethods, requireSecureChannel, admins.authenticate)
    .get(showForm)
    .post(warm)
  return router
}

/** The replies carry a session's secret: nothing on the way may keep, guess at or pass on any of it. */
const setHeaders: RequestHandler = (request, response, next) => {
  // With `no-referrer` on the form, browsers would send it with `Origin: null`.
  const isForm = request.method === 'GET' || request.method === 'HEAD'
  response.vary('Accept').set({
    'Cache-Control': 'no-store',
    Pragma: 'no-cache',
    'Referrer-Policy': isForm ? 'same-origin' : 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  })
  next()
}

const refuseOtherMethods: RequestHandler = (request, response, next) => {
  if (methods.split(', ').includes(request.method)) return next()
  response.set('Allow', methods)
  throw new Problem('method-not-allowed')
}

/** Aborts, and calls back, when the connection closes before the whole reply was handed over to it. */
function whenGone(response: Response, act: () => void): AbortSignal {
  const controller = new AbortController()
  response.once('close', () => {
    if (response.writableFinished) return
    controller.abort()
    act()
  })
  return controller.signal
}

/** What the log says of a problem. Of its cause only the code: a message may quote what was sent. */
function outcome({ code, step, condition, cause }: Problem): object {
  const causeCode = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return { code, step, condition, cause: causeCode }
}
