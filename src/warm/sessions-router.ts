import { Router } from 'express'
import type { Config } from '../config/config.js'
import { Problem } from '../errors.js'
import { jsonAnswer, sendAnswer } from '../http/answer.js'
import { readBody } from '../http/body.js'
import type { FormGuard } from '../http/form-guard.js'
import { allowsDomain } from '../jid/domains.js'
import { formatBareJid, formatJid } from '../jid/jid.js'
import type { Clock } from '../lib/clock.js'
import type { Sessions, SessionView } from '../session/sessions.js'
import { handlePattern } from '../session/sid.js'
import { attachBindingFor, bindingAnswer, represent, sessionAnswer, sessionsAnswer } from './answers.js'
import { noParameters, readParameters, readQuery } from './call-parameters.js'
import type { Call, Calls } from './calls.js'
import { missingParameter } from './parameter-kinds.js'
import { listParameters, logoutParameters, usualLimit } from './parameters.js'
import { listSessions } from './session-list.js'
import { toHandover } from './warm-request.js'

/**
 * The calls that control live sessions, to be mounted at `config.warmPath`: list, look at, resume, end. Sessions are named
 * by their handles; only the answer to a resume has the session's secret.
 */
export function createSessionsRouter(
  { config, sessions, clock }: { config: Config; sessions: Sessions; clock: Pick<Clock, 'now'> },
  { admit, answering }: Calls,
  formGuard: FormGuard,
): Router {
  const contextOf = ({ request }: Call) => ({ request, config, now: clock.now() })

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
    const read = readQuery(request.url, listParameters)
    const [jid, ofDomain] = [read('jid'), read('domain')]
    const filter = { jid, domain: ofDomain, state: read('state'), origin: read('origin') }
    const query = { ...filter, limit: read('limit') ?? usualLimit, after: read('after') }
    const domain = ofDomain ?? jid?.domain
    line['jid'] = jid && formatBareJid(jid)
    if (domain !== undefined && !allowsDomain(admin.domains, domain)) throw new Problem('forbidden')
    const page = await listSessions(sessions, admin.domains, query)
    sendAnswer(response, sessionsAnswer(page, contextOf(call)))
  }

  const logOutEverywhere = async ({ request, response, admin, line }: Call) => {
    const jid = readQuery(request.url, logoutParameters)('jid')
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
    const { attachTimeout } = config.warm
    const { seconds, attachBinding } = toHandover(read, { ...config.bosh, attachTimeout })
    const representation = represent(request, config.warmPath)
    // If the caller hangs up from here on, the session is not ended: it lived before this call.
    const { id, domain } = await demandSession(call)
    const handover = { seconds, attachBinding: attachBindingFor(representation, attachBinding) }
    const resumed = await sessions.resume(id, handover)
    if (resumed === undefined) throw new Problem('session-not-found')
    const binding = { ...resumed, expiresIn: seconds }
    sendAnswer(response, bindingAnswer(binding, { request, config }, { domain }))
  }

  // Browsers send an admin's credentials along, from any page. A page of another site may use DELETE only after a
  // preflight, which fails since no reply here has CORS headers; the form guard refuses what it may post.
  const router = Router({ caseSensitive: true })
  router
    .route('/sessions')
    .all(admit('GET', 'HEAD', 'DELETE'))
    .get(answering('sessions', list))
    .delete(answering('logout', logOutEverywhere))
  router
    .route(handlePath(''))
    .all(admit('GET', 'HEAD', 'DELETE'))
    .get(answering('sessions', show))
    .delete(answering('logout', logOut))
  router.route(handlePath('/resume')).all(admit('POST')).post(answering('resume', resumeSession))
  return router
}

/** A session's own path and what follows it. Only handles fit: for anything else the answer is `not-found`. */
function handlePath(rest: string): RegExp {
  return new RegExp(`^/(?<id>${handlePattern})${rest}/?$`)
}
