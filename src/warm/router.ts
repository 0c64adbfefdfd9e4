import { type RequestHandler, Router } from 'express'
import type { Logger } from 'pino'
import type { Config } from '../config/config.js'
import { boshPathOf, boshUrlOfDomain, isElsewhere } from '../config/serving.js'
import { Counts } from '../counts.js'
import { Problem } from '../errors.js'
import { boshUrl, homePath } from '../http/addresses.js'
import { pageType, sendAnswer } from '../http/answer.js'
import { readBody } from '../http/body.js'
import { negotiate } from '../http/negotiation.js'
import { redirectToTls } from '../http/secure-redirect.js'
import { allowsDomain } from '../jid/domains.js'
import { formatJid } from '../jid/jid.js'
import { type Clock, systemClock } from '../lib/clock.js'
import { HashQueue } from '../lib/hash-queue.js'
import type { Credentials } from '../login/wish.js'
import type { Sessions } from '../sessions.js'
import type { CredentialsCheck, Login } from './binding.js'
import { boundPage } from './bound-page.js'
import { CallLimits } from './call-limits.js'
import { type Call, createGate, type FinishedCall } from './gate.js'
import { obtain } from './obtain.js'
import { createOwnForm } from './own-form.js'
import { readParameters } from './parameters.js'
import { attachBindingFor, bindingAnswer } from './reply.js'
import { represent } from './representation.js'
import { readReuse, toWarmRequest, usualOptions } from './request.js'
import { createSessionsRouter } from './sessions-router.js'

/** What the warm API is built on. */
export interface WarmParts {
  readonly config: Config
  readonly login: Login
  readonly checkCredentials: CredentialsCheck
  readonly sessions: Sessions
  /** Ends a session that nobody will ever attach to, by its public handle. */
  readonly release: (id: string) => void
  readonly log: Logger
  readonly clock?: Pick<Clock, 'now'>
  /** Where admins' secrets are hashed, in turn with all other hashes of this process. */
  readonly hashes?: HashQueue
  /** How many calls there may be; limits of its own unless others take part in them. */
  readonly limits?: CallLimits
  /** What is counted of it; counts of its own unless somebody wants to see them. */
  readonly counts?: Counts
  /** Called with the outcome of each call that was let through. */
  readonly onCall?: (call: FinishedCall) => void
  /** Whether the service is on its way to its end; never unless it says so. */
  readonly isStopping?: () => boolean
}

/**
 * The warm API at `config.warmPath`: the form, the call that logs in, and behind that path what controls sessions.
 * Problems go on to the app's error handler.
 */
export function createWarmRouter({
  config,
  login,
  checkCredentials,
  sessions,
  release,
  log,
  clock = systemClock,
  hashes = new HashQueue(),
  limits = new CallLimits(config),
  counts = new Counts(),
  onCall = () => {},
  isStopping = () => false,
}: WarmParts): Router {
  const home = homePath(config.externalUrl)
  const defaults = {
    ...config.bosh,
    attachTimeout: config.warm.attachTimeout,
    passwordless: { ...config, anonymous: config.warm.anonymous },
    isElsewhere: (domain: string) => isElsewhere(config, domain),
  }
  const now = () => clock.now()
  const gate = createGate({ config, log, clock, hashes, limits, counts, onCall, isStopping })
  const obtainParts = { limits, sessions, checkCredentials, now, login, release }
  const ownForm = createOwnForm(config.externalUrl, now)

  const showForm: RequestHandler = (request, response) => {
    // With `no-referrer`, browsers would send the form with `Origin: null`.
    response.set('Referrer-Policy', 'same-origin')
    response.type(pageType(negotiate(request.headers))).render('form', {
      ...usualOptions(defaults),
      home,
      action: home + config.warmPath,
      token: ownForm.token(gate.adminOf(request).name),
    })
  }

  const warm = async ({ request, response, admin, gone, line }: Call) => {
    const parameters = readParameters(request.headers['content-type'], await readBody(request))
    const isOwnForm = ownForm.demand(request, admin.name, parameters)
    const representation = represent(request, config.warmPath)
    const wantsReuse = readReuse(parameters)
    const asked = toWarmRequest(parameters, defaults)
    const warmRequest = {
      ...asked,
      attachBinding: attachBindingFor(representation, asked.attachBinding),
      requestId: response.get('X-Request-Id'),
    }
    const { jid, credentials } = warmRequest
    line['jid'] = formatJid({ ...jid, resource: undefined })
    line['login'] = credentials.kind
    const account = accountOf(credentials)
    if (account !== undefined) line['account'] = formatJid({ ...jid, local: account, resource: undefined })
    if (!allowsDomain(config.domains, jid.domain)) throw new Problem('domain-not-allowed')
    if (!allowsDomain(admin.domains, jid.domain)) throw new Problem('forbidden')

    const wish = { admin: admin.name, reuse: wantsReuse }
    const obtained = await obtain(obtainParts, warmRequest, wish, gone)
    const { binding } = obtained
    line['id'] = binding.id
    const isReused = wantsReuse ? obtained.isReused : undefined
    line['reused'] = isReused
    if (isReused) counts.reuses += 1
    const giveUp = () => {
      // One that lived before this call is its user's, whether anybody hears the answer or not.
      if (!obtained.isReused) release(binding.id)
    }
    if (gone.aborted) return giveUp()
    gone.addEventListener('abort', giveUp)
    try {
      const url = binding.url ?? boshUrlOfDomain(config, jid.domain)
      const placed = url === binding.url ? binding : { ...binding, url }
      const site = { ...config, boshPath: boshPathOf(config, jid.domain) }
      const answer =
        isOwnForm && representation !== 'json'
          ? boundPage(placed, site, request.headers.host, representation)
          : bindingAnswer(placed, boshUrl(site, request), representation, isReused)
      sendAnswer(response, answer)
    } catch (error) {
      giveUp()
      throw error
    }
  }

  const router = Router({ caseSensitive: true })
  router
    .route(config.warmPath)
    .get(redirectToTls(config, config.warmPath))
    .all(gate.admit(['GET', 'HEAD', 'POST']))
    .get(showForm)
    .post(gate.answering('warm', warm))
  router.use(config.warmPath, createSessionsRouter({ config, sessions, gate, ownForm, clock }))
  return router
}

/** The user who logs in, where that is not the one whose session it will be. */
function accountOf(credentials: Credentials): string | undefined {
  if (credentials.kind === 'password') return credentials.user
  return credentials.kind === 'service' ? credentials.account.user : undefined
}
