import { type RequestHandler, Router } from 'express'
import { Problem } from '../errors.js'
import { jsonAnswer, sendAnswer } from '../http/answer.js'
import { createFormGuard } from '../http/form-guard.js'
import { negotiate } from '../http/negotiation.js'
import { redirectToTls } from '../http/pages.js'
import { readBody } from '../http/read-body.js'
import { allowsDomain } from '../jid/domains.js'
import { formatBareJid, formatJid } from '../jid/jid.js'
import type { Credentials } from '../login/wish.js'
import type { SessionView } from '../session/sessions.js'
import { handlePattern } from '../session/sid.js'
import { attachBindingFor, bindingAnswer, represent, sessionAnswer, sessionsAnswer } from './answers.js'
import { noParameters, readParameters, readQuery } from './call-parameters.js'
import { type Call, type CallsParts, createCalls } from './calls.js'
import { missingParameter } from './parameter-kinds.js'
import { listParameters, logoutParameters } from './parameters.js'
import { listSessions } from './session-list.js'
import { createWarmForm } from './warm-form.js'
import { toHandover, toWarmRequest } from './warm-request.js'
import { type WarmSessionParts, warmSession } from './warm-session.js'

export type WarmParts = CallsParts & WarmSessionParts

/** The warm API. Sessions are named by their handles: only answers to a warm and to a resume have a session's secret. */
export function createWarmRouter(parts: WarmParts): Router {
  const { config, sessions, release, clock, counts } = parts
  const { adminOf, admit, answering } = createCalls(parts)
  const formGuard = createFormGuard(config.externalUrl, () => clock.now())
  const form = createWarmForm(config, formGuard)

  const showForm: RequestHandler = (request, response) => {
    const representation = negotiate(request.headers) === 'xhtml' ? 'xhtml' : 'html'
    sendAnswer(response, form.blank(adminOf(request), representation))
  }

  const warm = async ({ request, response, admin, signal, line }: Call) => {
    const body = await readBody(request)
    const read = readParameters(request.headers['content-type'], body)
    const isOurForm = formGuard.isOurForm(request, admin.name, read('csrf_token'))
    if (isOurForm) form.note(request, body)
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

  const contextOf = ({ request }: Call) => ({ request, config, now: clock.now() })

  /** The session that a call names. Throws a `Problem` where there is none, or it is not this admin's or not here. */
  const demandSession = async ({ request, admin, line }: Call): Promise<SessionView> => {
    const id = request.params['id'] as string
    line['id'] = id
    const view = await sessions.get(id)
    if (view === undefined) throw new Problem('session-not-found')
    line['jid'] = view.jid?.split('/', 1)[0]
    if (!allowsDomain(admin.domains, view.domain)) throw new Problem('forbidden')
    if (view.state === 'elsewhere') throw new Problem('not-here')
    return view
  }

  const list = async (call: Call) => {
    const { request, response, admin, line } = call
    const query = readQuery(request.url, listParameters)
    const { jid, domain = jid?.domain } = query
    line['jid'] = jid && formatBareJid(jid)
    if (domain !== undefined && !allowsDomain(admin.domains, domain)) throw new Problem('forbidden')
    const page = await listSessions(sessions, admin.domains, query)
    sendAnswer(response, sessionsAnswer(page, contextOf(call)))
  }

  const logOutEverywhere = async ({ request, response, admin, line }: Call) => {
    const { jid } = readQuery(request.url, logoutParameters)
    if (jid === undefined) throw missingParameter('jid')
    line['jid'] = formatBareJid(jid)
    if (!allowsDomain(admin.domains, jid.domain)) throw new Problem('forbidden')
    const found = await sessions.ofJid(formatJid(jid))
    const ends = await Promise.all(found.map(({ id }) => sessions.end(id)))
    const ended = ends.filter(Boolean).length
    const elsewhere = found.filter(({ state }) => state === 'elsewhere').length || undefined
    Object.assign(line, { ended, elsewhere })
    sendAnswer(response, jsonAnswer({ ended, elsewhere }))
  }

  const show = async (call: Call) => {
    sendAnswer(call.response, sessionAnswer(await demandSession(call), contextOf(call)))
  }

  const logOut = async (call: Call) => {
    const { id } = await demandSession(call)
    if (!(await sessions.end(id))) throw new Problem('session-not-found')
    call.response.status(204).end()
  }

  const resumeSession = async (call: Call) => {
    const { request, response, admin } = call
    const body = await readBody(request)
    const read = body.length === 0 ? noParameters : readParameters(request.headers['content-type'], body)
    formGuard.isOurForm(request, admin.name, read('csrf_token'))
    const { seconds, attachBinding } = toHandover(read, config)
    const representation = represent(request, config.warmPath)
    // If the caller hangs up from here on, the session is not ended: it lived before this call.
    const { id, domain } = await demandSession(call)
    const handover = { seconds, attachBinding: attachBindingFor(representation, attachBinding) }
    const resumed = await sessions.resume(id, handover)
    if (resumed === undefined) throw new Problem('session-not-found')
    const binding = { ...resumed, expiresIn: seconds }
    sendAnswer(response, bindingAnswer(binding, { request, config }, { domain }))
  }

  const router = Router({ caseSensitive: true })
  router
    .route(config.warmPath)
    .get(redirectToTls(config, config.warmPath))
    .all(admit('GET', 'HEAD', 'POST'))
    .get(showForm)
    .post(answering('warm', warm, form.again))

  // Browsers send an admin's credentials along, from any page. A page of another site may use DELETE only after a
  // preflight, which fails since no reply here has CORS headers; the form guard refuses what it may post.
  const below = Router({ caseSensitive: true })
  below
    .route('/sessions')
    .all(admit('GET', 'HEAD', 'DELETE'))
    .get(answering('sessions', list))
    .delete(answering('logout', logOutEverywhere))
  below
    .route(handlePath(''))
    .all(admit('GET', 'HEAD', 'DELETE'))
    .get(answering('sessions', show))
    .delete(answering('logout', logOut))
  below.route(handlePath('/resume')).all(admit('POST')).post(answering('resume', resumeSession))
  router.use(config.warmPath, below)
  return router
}

/** A session's own path and what follows it. Only handles fit: for anything else the answer is `not-found`. */
function handlePath(rest: string): RegExp {
  return new RegExp(`^/(?<id>${handlePattern})${rest}/?$`)
}

/** The user who logs in, where that is not the user of the session. */
function accountOf(credentials: Credentials): string | undefined {
  if (credentials.kind === 'password') return credentials.user
  return credentials.kind === 'service' ? credentials.account.user : undefined
}
