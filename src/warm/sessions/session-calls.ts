import type { Config } from '../../config/config.js'
import type { FormGuard } from '../../http/access/form-guard.js'
import { type Answer, callIdsOf, jsonAnswer } from '../../http/answers/answer.js'
import { readBody } from '../../http/bodies/read-body.js'
import type { Clock } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import type { SessionDetails, Sessions } from '../../session/session-types.js'
import { processIn } from '../../store/process-name.js'
import { unreachable } from '../../store/store-problem.js'
import { formatBareJid, formatJid } from '../../xmpp/jid/jid.js'
import { type AdminPage, livePage, withProblem } from '../admin-page.js'
import { attachBindingFor, bindingAnswer, describeDetails, describeList, endedAnswer, withForm } from '../answers.js'
import { type Call, demandDomain, demandRole, isUpdate, roleAllows } from '../calls.js'
import type { Numbers } from '../numbers/numbers-calls.js'
import { badParameter, missingParameter } from '../parameter-kinds.js'
import { listParameters, logoutParameters, pageParameters } from '../parameters.js'
import { readParameters, readQuery } from '../read-parameters.js'
import type { BindingPage } from '../warming/binding-page.js'
import { toHandover } from '../warming/warm-request.js'
import { pastSession, sessionDetails } from './details-page.js'
import { createEndCalls } from './end-calls.js'
import type { EndedNotice } from './ended-notice.js'
import { listPage, listWithMistake, sentIn, toListWish } from './list-page.js'

const mostPastLines = 20

interface SessionCallsParts {
  readonly config: Config
  readonly clock: Clock
  readonly sessions: Sessions
  readonly readAudit: Numbers['readAudit']
  readonly page: AdminPage
  readonly formGuard: FormGuard
  readonly bindingPage: BindingPage
  readonly endedNotice: EndedNotice
}

export function createSessionCalls(parts: SessionCallsParts) {
  const { config, clock, sessions, readAudit, page, formGuard, bindingPage, endedNotice } = parts
  const viewerOf = ({ request, admin }: Call) => ({
    sent: sentIn(request),
    admin,
    now: clock.now(),
    processes: sessions.processes,
  })
  const tokenFor = ({ admin }: Call) => formGuard.token(admin.name)

  /** With `toEnd`, a session of a silent process gives `session-unreachable`: 404 would mean that it has ended. */
  const demandSession = async ({ request, admin, line }: Call, { toEnd = false } = {}): Promise<SessionDetails> => {
    const id = request.params['id'] as string | undefined
    if (id === undefined) throw new Problem('session-not-found')
    line['id'] = id
    const view = await sessions.get(id)
    if (view === undefined)
      throw toEnd && sessions.isLost(id) ? unreachable(processIn(id)!) : new Problem('session-not-found')
    line['jid'] = view.jid?.split('/', 1)[0]
    demandDomain(admin, view.domain)
    if (view.state === 'elsewhere') throw new Problem('not-here')
    return view
  }

  const end = async (id: string) => {
    if (!(await sessions.end(id))) throw new Problem('session-not-found')
  }

  return {
    async list(call: Call): Promise<Answer> {
      const { request, admin, representation, line } = call
      const isPage = representation !== 'json'
      const query = isPage
        ? readQuery(request.url, pageParameters, { sentForm: true })
        : { ...readQuery(request.url, listParameters), refresh: undefined }
      const { jid, domain = jid?.domain, visit } = query
      line['jid'] = jid && formatBareJid(jid)
      if (domain !== undefined) demandDomain(admin, domain)
      if (visit === undefined) demandRole(admin, 'sessions', ' It can list the sessions of a visit.')
      const wish = toListWish(query, admin, isPage)
      if (!isPage) return jsonAnswer(describeList(await sessions.page(wish), clock.now(), admin.name))
      const [part, states] = await Promise.all([sessions.page(wish), sessions.states(wish.scope)])
      const notice = isUpdate(request) ? undefined : endedNotice.messageOf(call)
      const values = listPage(part, states, query, viewerOf(call), notice)
      const { headers, body } = livePage(page('sessions', 'sessions', call, values))
      const refresh = query.refresh && { Refresh: String(query.refresh) }
      return { status: 200, body, headers: { ...headers, ...refresh, ...(notice && endedNotice.forgotten(call)) } }
    },

    listWithMistake(problem: Problem, call: Call): Answer | undefined {
      const values = listWithMistake(problem, viewerOf(call))
      return values && withProblem(page('sessions', 'sessions', call, values), problem, call.representation)
    },

    async logOutEverywhere({ request, admin, line }: Call): Promise<Answer> {
      const { jid, visit } = readQuery(request.url, logoutParameters)
      if (jid !== undefined && visit !== undefined) throw badParameter('visit', 'Either jid or visit is allowed.')
      if (visit !== undefined) {
        const wish = { visit: { admin: admin.name, visit }, scope: admin.domains }
        return endedAnswer(line, await sessions.endAll(wish))
      }
      if (jid === undefined) throw missingParameter('jid', 'Send jid or visit.')
      line['jid'] = formatBareJid(jid)
      demandDomain(admin, jid.domain)
      return endedAnswer(line, await sessions.endAll({ jid: formatJid(jid) }))
    },

    async show(call: Call): Promise<Answer> {
      const view = await demandSession(call)
      if (call.representation === 'json') return jsonAnswer(describeDetails(view, clock.now(), call.admin.name))
      const values = sessionDetails(view, tokenFor(call), viewerOf(call))
      return livePage(withForm(page('session', 'sessions', call, values)))
    },

    async showPast(problem: Problem, call: Call): Promise<Answer | undefined> {
      const { request, admin } = call
      const id = request.params['id'] as string | undefined
      if (problem.code !== 'session-not-found' || id === undefined || !roleAllows(admin, 'audit')) return undefined
      const { lines } = await readAudit({ scope: admin.domains, viewer: admin.name, limit: mostPastLines, id })
      const own = lines.filter(line => line.id === id && (line.code ?? 'ok') === 'ok')
      return own.length === 0 ? undefined : pastSession(own, call, config)
    },

    async logOut(call: Call): Promise<undefined> {
      const { id } = await demandSession(call, { toEnd: true })
      await end(id)
      call.response.status(204).end()
    },

    ...createEndCalls({ config, sessions, formGuard, endedNotice, page, viewerOf, demandSession, end }),

    async resume(call: Call): Promise<Answer> {
      const { request, admin, representation } = call
      const body = await readBody(request)
      const sent = body.length === 0 ? {} : readParameters(request.headers['content-type'], body)
      const isForm = formGuard.checkForm(request, admin.name, sent.csrf_token)
      const { seconds, attachBinding } = toHandover(sent, config)
      const { id, domain } = await demandSession(call)
      const handover = {
        seconds,
        attachBinding: attachBindingFor(representation === 'json', attachBinding),
        ids: callIdsOf(request),
      }
      const resumed = await sessions.resume(id, handover)
      if (resumed === undefined) throw new Problem('session-not-found')
      const binding = { ...resumed, expiresIn: seconds }
      if (isForm && representation !== 'json') return bindingPage.redirect(binding, call, domain, true)
      return bindingAnswer(binding, config, { request, representation, domain })
    },
  }
}
