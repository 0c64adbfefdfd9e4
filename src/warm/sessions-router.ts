import { Router } from 'express'
import type { Config } from '../config/config.js'
import { boshPathOf, boshUrlOfDomain } from '../config/serving.js'
import { Problem } from '../errors.js'
import { boshUrl, homePath } from '../http/addresses.js'
import { sendAnswer } from '../http/answer.js'
import { readBody } from '../http/body.js'
import { allowsDomain } from '../jid/domains.js'
import { formatJid } from '../jid/jid.js'
import type { Clock } from '../lib/clock.js'
import type { Sessions, SessionView } from '../sessions.js'
import type { Call, Gate } from './gate.js'
import type { OwnForm } from './own-form.js'
import { type Parameters, readParameters } from './parameters.js'
import { attachBindingFor, bindingAnswer } from './reply.js'
import { represent } from './representation.js'
import { toHandover } from './request.js'
import { resume } from './reuse.js'
import { listSessions, sessionsOf } from './session-list.js'
import { readLogoutQuery, readSessionQuery } from './session-query.js'
import { endedAnswer, type SessionReplyContext, sessionAnswer, sessionsAnswer } from './session-reply.js'

export interface SessionsRouterParts {
  readonly config: Config
  readonly sessions: Sessions
  readonly gate: Gate
  readonly ownForm: OwnForm
  readonly clock: Pick<Clock, 'now'>
}

/**
 * What backends control live sessions with, to be mounted at `config.warmPath`: list, look at, resume, end. It names
 * sessions by their handles; the secret of one is told to whoever resumes it, and never else.
 */
export function createSessionsRouter({
  config,
  sessions,
  gate,
  ownForm,
  clock,
}: SessionsRouterParts): Router {
  const home = homePath(config.externalUrl)
  const defaults = { ...config.bosh, attachTimeout: config.warm.attachTimeout }

  const contextOf = ({ request }: Call): SessionReplyContext => ({
    ...{ home, warmPath: config.warmPath, now: clock.now() },
    representation: represent(request, config.warmPath),
  })

  /** The session that a call names, if this admin may know of it and this process can do something about it. */
  const demandSession = ({ request, admin, line }: Call): SessionView => {
    const id = request.params['id'] as string
    line['id'] = id
    const view = sessions.get(id)
    if (view === undefined) throw new Problem('session-not-found')
    line['jid'] = view.jid?.split('/', 1)[0]
    if (!allowsDomain(admin.domains, view.domain)) throw new Problem('forbidden')
    if (view.state === 'elsewhere') throw new Problem('not-here')
    return view
  }

  const list = (call: Call) => {
    const { request, response, admin, line } = call
    const query = readSessionQuery(request.url)
    const { jid, domain = jid?.domain } = query
    line['jid'] = jid && formatJid({ ...jid, resource: undefined })
    if (domain !== undefined && !allowsDomain(admin.domains, domain)) throw new Problem('forbidden')
    const page = listSessions(sessions, admin.domains, query)
    sendAnswer(response, sessionsAnswer(page, request.url, contextOf(call)))
  }

  const logOutEverywhere = ({ request, response, admin, line }: Call) => {
    const jid = readLogoutQuery(request.url)
    line['jid'] = formatJid({ ...jid, resource: undefined })
    if (!allowsDomain(admin.domains, jid.domain)) throw new Problem('forbidden')
    const found = sessionsOf(sessions, jid)
    const ended = found.filter(({ id }) => sessions.end(id)).length
    const elsewhere = found.filter(({ state }) => state === 'elsewhere').length || undefined
    Object.assign(line, { ended, elsewhere })
    sendAnswer(response, endedAnswer({ ended, elsewhere }))
  }

  const show = (call: Call) => {
    sendAnswer(call.response, sessionAnswer(demandSession(call), contextOf(call)))
  }

  const logOut = (call: Call) => {
    if (!sessions.end(demandSession(call).id)) throw new Problem('session-not-found')
    call.response.status(204).end()
  }

  const resumeSession = async (call: Call) => {
    const { request, response, admin } = call
    const body = await readBody(request)
    const parameters: Parameters =
      body.length === 0 ? new Map() : readParameters(request.headers['content-type'], body)
    ownForm.demand(request, admin.name, parameters)
    const handover = toHandover(parameters, defaults)
    const representation = represent(request, config.warmPath)
    const attachBinding = attachBindingFor(representation, handover.attachBinding)
    // If the caller hangs up from here on, the session waits for a page all the same: it is its user's, not this call's.
    const { id, domain } = demandSession(call)
    const binding = resume(sessions, id, { ...handover, attachBinding })
    if (binding === undefined) throw new Problem('session-not-found')
    const site = { ...config, boshPath: boshPathOf(config, domain) }
    const url = boshUrlOfDomain(config, domain) ?? boshUrl(site, request)
    sendAnswer(response, bindingAnswer(binding, url, representation))
  }

  // Browsers send an admin's credentials along, from any page. But DELETE is a method that a page of another site may
  // not use without asking first, and nobody answers that question here: no reply of these has CORS headers. The forms
  // that it could post are told apart as those of a warm call are.
  const router = Router({ caseSensitive: true })
  router
    .route('/sessions')
    .all(gate.admit(['GET', 'HEAD', 'DELETE']))
    .get(gate.answering('sessions', list))
    .delete(gate.answering('logout', logOutEverywhere))
  router
    .route(handlePath(''))
    .all(gate.admit(['GET', 'HEAD', 'DELETE']))
    .get(gate.answering('sessions', show))
    .delete(gate.answering('logout', logOut))
  router
    .route(handlePath('/resume'))
    .all(gate.admit(['POST']))
    .post(gate.answering('resume', resumeSession))
  return router
}

/** A session's own path and what follows it. Nothing but a handle fits, so that all else is at no address of ours. */
function handlePath(rest: string): RegExp {
  return new RegExp(`^/(?<id>[\\da-fA-F]{32})${rest}/?$`)
}
