import { type RequestHandler, Router } from 'express'
import { isElsewhere } from '../config/serving.js'
import { Problem } from '../errors.js'
import { homePath } from '../http/addresses.js'
import { sendAnswer, sendPage } from '../http/answer.js'
import { readBody } from '../http/body.js'
import { FormGuard } from '../http/form-guard.js'
import { redirectToTls } from '../http/pages.js'
import { allowsDomain } from '../jid/domains.js'
import { formatBareJid } from '../jid/jid.js'
import type { Credentials } from '../login/wish.js'
import { attachBindingFor, bindingAnswer, represent } from './answers.js'
import { readParameters } from './call-parameters.js'
import { type Call, type CallsParts, createCalls } from './calls.js'
import { createSessionsRouter } from './sessions-router.js'
import { toWarmRequest, usualOptions } from './warm-request.js'
import { type WarmSessionParts, warmSession } from './warm-session.js'

/** What the warm API is built on. */
export type WarmParts = CallsParts & WarmSessionParts

/**
 * The warm API at `config.warmPath`: the form, the call that logs in, and behind that path the calls that control sessions.
 * Problems go on to the app's error handler.
 */
export function createWarmRouter(parts: WarmParts): Router {
  const { config, release, clock, counts } = parts
  const home = homePath(config.externalUrl)
  const defaults = {
    ...config.bosh,
    attachTimeout: config.warm.attachTimeout,
    passwordless: { ...config, anonymous: config.warm.anonymous },
    isElsewhere: (domain: string) => isElsewhere(config, domain),
  }
  const calls = createCalls(parts)
  const formGuard = new FormGuard(config.externalUrl, () => clock.now())

  const showForm: RequestHandler = (request, response) => {
    // With `no-referrer`, browsers would send the form with `Origin: null`.
    response.set('Referrer-Policy', 'same-origin')
    sendPage(request, response, 'form', {
      ...usualOptions(defaults),
      home,
      action: home + config.warmPath,
      token: formGuard.token(calls.adminOf(request).name),
    })
  }

  const warm = async ({ request, response, admin, signal, line }: Call) => {
    const read = readParameters(request.headers['content-type'], await readBody(request))
    const isOurForm = formGuard.isOurForm(request, admin.name, read('csrf_token'))
    const representation = represent(request, config.warmPath)
    const wantsReuse = read('reuse') ?? false
    const asked = toWarmRequest(read, defaults)
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
    const { binding, isReused } = await warmSession(parts, warmRequest, wish, signal)
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
      const about = { domain: jid.domain, reused: wantsReuse ? isReused : undefined, isOurForm }
      sendAnswer(response, bindingAnswer(binding, { request, config }, about))
    } catch (error) {
      giveUp()
      throw error
    }
  }

  const router = Router({ caseSensitive: true })
  router
    .route(config.warmPath)
    .get(redirectToTls(config, config.warmPath))
    .all(calls.admit('GET', 'HEAD', 'POST'))
    .get(showForm)
    .post(calls.answering('warm', warm))
  router.use(config.warmPath, createSessionsRouter(parts, calls, formGuard))
  return router
}

/** The user who logs in, where that is not the user of the session. */
function accountOf(credentials: Credentials): string | undefined {
  if (credentials.kind === 'password') return credentials.user
  return credentials.kind === 'service' ? credentials.account.user : undefined
}
