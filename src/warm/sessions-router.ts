import { Router } from 'express'
import type { Config } from '../config/config.js'
import { Problem } from '../errors.js'
import { boshUrlFor, homePath } from '../http/addresses.js'
import { jsonAnswer, sendAnswer } from '../http/answer.js'
import { readBody } from '../http/body.js'
import type { FormGuard } from '../http/form-guard.js'
import { allowsDomain } from '../jid/domains.js'
import { formatBareJid, formatJid } from '../jid/jid.js'
import type { Clock } from '../lib/clock.js'
import type { Sessions, SessionView } from '../session/sessions.js'
import type { Admission } from './admission.js'
import { attachBindingFor, bindingAnswer, represent } from './binding-answer.js'
import { type Parameters, readParameters } from './call-parameters.js'
import type { Call, Calls } from './calls.js'
import { type AnswerContext, sessionAnswer, sessionsAnswer } from './session-answer.js'
import { listSessions } from './session-list.js'
import { readLogoutQuery, readSessionQuery } from './session-query.js'
import { toHandover } from './warm-request.js'

export interface SessionsRouterParts {
  readonly config: Config
  readonly sessions: Sessions
  readonly admit: Admission['admit']
  readonly calls: Calls
  readonly formGuard: FormGuard
  readonly clock: Pick<Clock, 'now'>
}

/**
 * The calls that control live sessions, to be mounted at `config.warmPath`: list, look at, resume, end. Sessions are named
 * by their handles; only the answer to a resume has the session's secret.
 */
export function createSessionsRouter({
  config,
  sessions,
  admit,
  calls,
  formGuard,
  clock,
}: SessionsRouterParts): Router {
  const home = homePath(config.externalUrl)
  const defaults = { ...config.bosh, attachTimeout: config.warm.attachTimeout }

  const contextOf = ({ request }: Call): AnswerContext => ({
    representation: represent(request, config.warmPath),
    home,
    warmPath: config.warmPath,
    now: clock.now(),
  })

  /** The session that a call names. Throws a `Problem` where there is none, or it is another admin's or another endpoint's. */
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
    const query = readSessionQuery(request.url)
    const { jid, domain = jid?.domain } = query
    line['jid'] = jid && formatBareJid(jid)
    if (domain !== undefined && !allowsDomain(admin.domains, domain)) throw new Problem('forbidden')
    const page = await listSessions(sessions, admin.domains, query)
    sendAnswer(response, sessionsAnswer(page, request.url, contextOf(call)))
  }

  const logOutEverywhere = async ({ request, response, admin, line }: Call) => {
    const jid = readLogoutQuery(request.url)
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
    const parameters: Parameters =
      body.length === 0 ? new Map() : readParameters(request.headers['content-type'], body)
    formGuard.isOurForm(request, admin.name, parameters.get('csrf_token'))
    const handover = toHandover(parameters, defaults)
    const representation = represent(request, config.warmPath)
    const attachBinding = attachBindingFor(representation, handover.attachBinding)
    // If the caller hangs up from here on, the session is not ended: it lived before this call.
    const { id, domain } = await demandSession(call)
    const resumed = await sessions.resume(id, { ...handover, attachBinding })
    if (resumed === undefined) throw new Problem('session-not-found')
    const binding = { ...resumed, expiresIn: handover.seconds }
    sendAnswer(response, bindingAnswer(binding, boshUrlFor(config, domain, request), representation))
  }

  // Browsers send an admin's credentials along, from any page. A page of another site may use DELETE only after a
  // preflight, which fails since no reply here has CORS headers; the form guard refuses what it may post.
  const router = Router({ caseSensitive: true })
  router
    .route('/sessions')
    .all(admit(['GET', 'HEAD', 'DELETE']), calls.logRefusal)
    .get(calls.answering('sessions', list))
    .delete(calls.answering('logout', logOutEverywhere))
  router
    .route(handlePath(''))
    .all(admit(['GET', 'HEAD', 'DELETE']), calls.logRefusal)
    .get(calls.answering('sessions', show))
    .delete(calls.answering('logout', logOut))
  router
    .route(handlePath('/resume'))
    .all(admit(['POST']), calls.logRefusal)
    .post(calls.answering('resume', resumeSession))
  return router
}

/** A session's own path and what follows it. Only handles fit: for anything else the answer is `not-found`. */
function handlePath(rest: string): RegExp {
  return new RegExp(`^/(?<id>[\\da-fA-F]{32})${rest}/?$`)
}
