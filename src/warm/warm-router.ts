import { type RequestHandler, Router } from 'express'
import { createFormGuard } from '../http/access/form-guard.js'
import type { FormTokens } from '../http/access/form-tokens.js'
import { sendAnswer } from '../http/answers/answer.js'
import { negotiate } from '../http/answers/negotiation.js'
import { redirectToTls } from '../http/answers/pages.js'
import { readBody } from '../http/listening/read-body.js'
import { Problem } from '../lib/errors.js'
import type { Credentials } from '../servers/login/wish.js'
import { handlePattern } from '../session/sid.js'
import { allowsDomain } from '../xmpp/jid/domains.js'
import { formatBareJid } from '../xmpp/jid/jid.js'
import { attachBindingFor, bindingAnswer, represent } from './answers.js'
import { readParameters } from './call-parameters.js'
import { type Call, type CallsParts, createCalls } from './calls.js'
import type { Overview } from './overview.js'
import { createSessionCalls } from './session-calls.js'
import { createWarmForm } from './warm-form.js'
import { toWarmRequest } from './warm-request.js'
import { type WarmSessionParts, warmSession } from './warm-session.js'

export interface WarmParts extends CallsParts, WarmSessionParts {
  /** Ends a session without a page, by its public id. */
  readonly release: (id: string) => void
  readonly readOverview: () => Promise<Overview>
  /** Of all hosts. */
  readonly formTokens: FormTokens
}

/** Paths contain public ids. Only answers to warm and resume contain secrets of a session. */
export function createWarmRouter(parts: WarmParts): Router {
  const { config, release, formTokens, counts } = parts
  const { adminOf, admit, answering } = createCalls(parts)
  const formGuard = createFormGuard(config.externalUrl, formTokens)
  const form = createWarmForm(config, formGuard)
  const calls = createSessionCalls({
    config,
    clock: parts.clock,
    sessions: parts.sessions,
    readOverview: parts.readOverview,
    formGuard,
  })

  const showForm: RequestHandler = (request, response) => {
    const representation = negotiate(request.headers) === 'xhtml' ? 'xhtml' : 'html'
    sendAnswer(response, form.blank(adminOf(request), representation))
  }

  const warm = async ({ request, response, admin, signal, line }: Call) => {
    const body = await readBody(request)
    const contentType = request.headers['content-type']
    const sent = readParameters(contentType, body)
    const isOurForm = formGuard.isOurForm(request, admin.name, sent('csrf_token'))
    if (isOurForm) form.note(request, body)
    const read = isOurForm ? readParameters(contentType, body, { sentForm: true }) : sent
    const representation = represent(request, config.warmPath)
    const wantsReuse = read('reuse') ?? false
    const asked = toWarmRequest(read, config)
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
      // A reused session lives on, even if the caller reads no answer.
      if (!isReused) release(binding.id)
    }
    if (signal.aborted) return giveUp()
    signal.addEventListener('abort', giveUp)
    try {
      const about = { request, domain: jid.domain, reused: wantsReuse ? isReused : undefined, isOurForm }
      sendAnswer(response, bindingAnswer(binding, config, about))
    } catch (error) {
      giveUp()
      throw error
    }
  }

  const router = Router({ caseSensitive: true })
  router
    .route(config.warmPath)
    .get(redirectToTls(config, config.warmPath))
    .all(admit('GET', 'HEAD', 'POST'))
    .get(showForm)
    .post(answering('warm', warm, form.again))

  // Browsers send an admin's credentials from any page. A page of another site needs a preflight for DELETE,
  // which fails without CORS headers. The form guard refuses its POST.
  const below = Router({ caseSensitive: true })
  below
    .route('/sessions')
    .all(admit('GET', 'HEAD', 'DELETE'))
    .get(answering('sessions', calls.list, calls.listWithMistake))
    .delete(answering('logout', calls.logOutEverywhere))
  below
    .route(handlePath(''))
    .all(admit('GET', 'HEAD', 'DELETE'))
    .get(answering('sessions', calls.show))
    .delete(answering('logout', calls.logOut))
  below
    .route(handlePath('/end'))
    .all(admit('GET', 'HEAD', 'POST'))
    .get(answering('sessions', calls.askWhetherToEnd))
    .post(answering('logout', calls.endByForm))
  below.route(handlePath('/resume')).all(admit('POST')).post(answering('resume', calls.resume))
  router.use(config.warmPath, below)
  return router
}

/** Matches ids only: other paths are `not-found`. */
function handlePath(rest: string): RegExp {
  return new RegExp(`^/(?<id>${handlePattern})${rest}/?$`)
}

/** The user who logs in, if it is not the user of the session. */
function accountOf(credentials: Credentials): string | undefined {
  if (credentials.kind === 'password') return credentials.user
  return credentials.kind === 'service' ? credentials.account.user : undefined
}
