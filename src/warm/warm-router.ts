import { type RequestHandler, Router } from 'express'
import type { Logger } from 'pino'
import type { Config } from '../config/config.js'
import { isElsewhere } from '../config/serving.js'
import type { Counts } from '../counts.js'
import { Problem } from '../errors.js'
import { boshUrlFor, homePath } from '../http/addresses.js'
import { pageType, sendAnswer } from '../http/answer.js'
import { readBody } from '../http/body.js'
import { FormGuard } from '../http/form-guard.js'
import { negotiate } from '../http/negotiation.js'
import { redirectToTls } from '../http/secure-redirect.js'
import { allowsDomain } from '../jid/domains.js'
import { formatBareJid } from '../jid/jid.js'
import type { Clock } from '../lib/clock.js'
import type { HashQueue } from '../lib/hash-queue.js'
import type { Credentials } from '../login/wish.js'
import type { Sessions } from '../session/sessions.js'
import { createAdmission } from './admission.js'
import type { CredentialsCheck, Login } from './binding.js'
import { attachBindingFor, bindingAnswer, boundPage, represent } from './binding-answer.js'
import type { CallLimits } from './call-limits.js'
import { readParameters } from './call-parameters.js'
import { type Call, createCalls, type FinishedCall } from './calls.js'
import { createSessionsRouter } from './sessions-router.js'
import { readReuse, toWarmRequest, usualOptions } from './warm-request.js'
import { warmSession } from './warm-session.js'

/** What the warm API is built on. */
export interface WarmParts {
  readonly config: Config
  readonly login: Login
  readonly checkCredentials: CredentialsCheck
  readonly sessions: Sessions
  /** Ends a session that no page will attach to, by its public handle. */
  readonly release: (id: string) => void
  readonly log: Logger
  readonly clock: Pick<Clock, 'now'>
  /** Hashes admins' secrets, in turn with all other hashes of this process. */
  readonly hashes: HashQueue
  /** How many calls there may be, at all hosts together. */
  readonly limits: CallLimits
  readonly counts: Counts
  /** Called with the outcome of each call that was admitted. */
  readonly onCall: (call: FinishedCall) => void
  /** Whether the service is being stopped. */
  readonly isStopping: () => boolean
}

/**
 * The warm API at `config.warmPath`: the form, the call that logs in, and behind that path the calls that control sessions.
 * Problems go on to the app's error handler.
 */
export function createWarmRouter(parts: WarmParts): Router {
  const { config, login, checkCredentials, sessions, release, log, clock, hashes, limits, counts } = parts
  const now = () => clock.now()
  const home = homePath(config.externalUrl)
  const defaults = {
    ...config.bosh,
    attachTimeout: config.warm.attachTimeout,
    passwordless: { ...config, anonymous: config.warm.anonymous },
    isElsewhere: (domain: string) => isElsewhere(config, domain),
  }
  const { failures } = limits
  const { admit, adminOf } = createAdmission({ config, log, clock, hashes, failures, counts })
  const calls = createCalls({
    config,
    log,
    clock,
    counts,
    adminOf,
    onCall: parts.onCall,
    isStopping: parts.isStopping,
  })
  const formGuard = new FormGuard(config.externalUrl, now)
  const sessionParts = { limits, sessions, checkCredentials, now, login, release }

  const showForm: RequestHandler = (request, response) => {
    // With `no-referrer`, browsers would send the form with `Origin: null`.
    response.set('Referrer-Policy', 'same-origin')
    response.type(pageType(negotiate(request.headers))).render('form', {
      ...usualOptions(defaults),
      home,
      action: home + config.warmPath,
      token: formGuard.token(adminOf(request).name),
    })
  }

  const warm = async ({ request, response, admin, signal, line }: Call) => {
    const parameters = readParameters(request.headers['content-type'], await readBody(request))
    const isOurForm = formGuard.isOurForm(request, admin.name, parameters.get('csrf_token'))
    const representation = represent(request, config.warmPath)
    const wantsReuse = readReuse(parameters)
    const asked = toWarmRequest(parameters, defaults)
    const { jid, credentials } = asked
    line['jid'] = formatBareJid(jid)
    line['login'] = credentials.kind
    const account = accountOf(credentials)
    if (account !== undefined) line['account'] = formatBareJid({ local: account, domain: jid.domain })
    if (!allowsDomain(config.domains, jid.domain)) throw new Problem('domain-not-allowed')
    if (!allowsDomain(admin.domains, jid.domain)) throw new Problem('forbidden')

    const warmRequest = {
      ...asked,
      attachBinding: attachBindingFor(representation, asked.attachBinding),
      requestId: response.get('X-Request-Id'),
    }
    const wish = { admin: admin.name, reuse: wantsReuse }
    const { binding, isReused } = await warmSession(sessionParts, warmRequest, wish, signal)
    line['id'] = binding.id
    if (wantsReuse) line['reused'] = isReused
    if (isReused) counts.reuses += 1
    const giveUp = () => {
      // A reused session is its user's, whether this caller reads the answer or not.
      if (!isReused) release(binding.id)
    }
    if (signal.aborted) return giveUp()
    signal.addEventListener('abort', giveUp)
    try {
      sendAnswer(
        response,
        isOurForm && representation !== 'json'
          ? boundPage(binding, config, jid.domain, request.headers.host, representation)
          : bindingAnswer(
              binding,
              boshUrlFor(config, jid.domain, request),
              representation,
              wantsReuse ? isReused : undefined,
            ),
      )
    } catch (error) {
      giveUp()
      throw error
    }
  }

  const router = Router({ caseSensitive: true })
  router
    .route(config.warmPath)
    .get(redirectToTls(config, config.warmPath))
    .all(admit(['GET', 'HEAD', 'POST']), calls.logRefusal)
    .get(showForm)
    .post(calls.answering('warm', warm))
  router.use(config.warmPath, createSessionsRouter({ config, sessions, admit, calls, formGuard, clock }))
  return router
}

/** The user who logs in, where that is not the user of the session. */
function accountOf(credentials: Credentials): string | undefined {
  if (credentials.kind === 'password') return credentials.user
  return credentials.kind === 'service' ? credentials.account.user : undefined
}
