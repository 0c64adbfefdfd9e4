import { type Answer, callIdsOf, jsonAnswer } from '../../http/answers/answer.js'
import { readBody } from '../../http/bodies/read-body.js'
import { Problem } from '../../lib/errors.js'
import type { PageWish } from '../../store/store.js'
import { formatBareJid } from '../../xmpp/jid/jid.js'
import { livePage, withProblem } from '../admin-page.js'
import { attachBindingFor, bindingAnswer, describeDetails, describeList, withForm } from '../answers.js'
import { type Call, demandDomain, demandRole, isUpdate, roleAllows } from '../calls.js'
import type { Numbers } from '../numbers/numbers-calls.js'
import type { Values } from '../parameter-kinds.js'
import { listParameters, pageParameters } from '../parameters.js'
import { readParameters, readQuery } from '../read-parameters.js'
import type { BindingPage } from '../warming/binding-page.js'
import { toHandover } from '../warming/warm-request.js'
import { demandSession } from './demand-session.js'
import { pastSession, sessionDetails } from './details-page.js'
import type { EndCallsParts } from './end-calls.js'
import { listPage, listWithMistake, sentIn, toListWish } from './list-page.js'

const mostPastLines = 20

interface SessionCallsParts extends EndCallsParts {
  readonly readAudit: Numbers['readAudit']
  readonly bindingPage: BindingPage
}

/** Lists and shows sessions, and resumes them for another page. */
export function createSessionCalls(parts: SessionCallsParts) {
  const { config, clock, sessions, readAudit, page, formGuard, bindingPage, endedNotice } = parts

  function viewerOf({ request, admin }: Call) {
    return { sent: sentIn(request), admin, now: clock.now(), processes: sessions.processes }
  }

  async function showList(call: Call, query: Values<typeof pageParameters>, wish: PageWish): Promise<Answer> {
    const [part, states] = await Promise.all([sessions.page(wish), sessions.states(wish.scope)])
    const notice = isUpdate(call.request) ? undefined : endedNotice.messageOf(call)
    const values = listPage(part, states, query, viewerOf(call), notice)
    const { headers, body } = livePage(page('sessions', 'sessions', call, values))
    const refresh = query.refresh && { Refresh: String(query.refresh) }
    return { status: 200, body, headers: { ...headers, ...refresh, ...(notice && endedNotice.forgotten(call)) } }
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
      if (isPage) return showList(call, query, wish)
      return jsonAnswer(describeList(await sessions.page(wish), clock.now(), admin.name))
    },

    listWithMistake(problem: Problem, call: Call): Answer | undefined {
      const values = listWithMistake(problem, viewerOf(call))
      return values && withProblem(page('sessions', 'sessions', call, values), problem, call.representation)
    },

    async show(call: Call): Promise<Answer> {
      const view = await demandSession(sessions, call)
      if (call.representation === 'json') return jsonAnswer(describeDetails(view, clock.now(), call.admin.name))
      const values = sessionDetails(view, formGuard.token(call.admin.name), viewerOf(call))
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

    async resume(call: Call): Promise<Answer> {
      const { request, admin, representation } = call
      const body = await readBody(request)
      const sent = body.length === 0 ? {} : readParameters(request.headers['content-type'], body)
      const isForm = formGuard.checkForm(request, admin.name, sent.csrf_token)
      const { seconds, attachBinding: wanted } = toHandover(sent, config)
      const { id, domain } = await demandSession(sessions, call)
      // A caller that gave up may have called again: the token of that answer must stay valid.
      call.signal.throwIfAborted()
      const attachBinding = attachBindingFor(representation === 'json', wanted)
      const resumed = await sessions.resume(id, { seconds, attachBinding, ids: callIdsOf(request) })
      if (resumed === undefined) throw new Problem('session-not-found')
      const binding = { ...resumed, expiresIn: seconds }
      if (isForm && representation !== 'json') return bindingPage.redirect(binding, call, domain, true)
      return bindingAnswer(binding, config, call, domain)
    },
  }
}
