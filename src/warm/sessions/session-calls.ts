import type { Config } from '../../config/config.js'
import type { FormGuard } from '../../http/access/form-guard.js'
import { type Answer, callIdsOf, jsonAnswer } from '../../http/answers/answer.js'
import { readBody } from '../../http/bodies/read-body.js'
import { cacheAnswers } from '../../lib/answer-cache.js'
import type { Clock } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import type { SessionDetails, Sessions } from '../../session/session-types.js'
import { processIn } from '../../store/process-name.js'
import type { PageWish } from '../../store/store.js'
import { unreachable } from '../../store/store-problem.js'
import { formatBareJid, formatJid } from '../../xmpp/jid/jid.js'
import { type AdminPage, livePage, liveSeconds, withProblem } from '../admin-page.js'
import {
  type AnswerSettings,
  attachBindingFor,
  bindingAnswer,
  describeDetails,
  describeEnded,
  describeList,
  withForm,
} from '../answers.js'
import { type Call, demandDomain, demandRole, isUpdate, roleAllows } from '../calls.js'
import type { Numbers } from '../numbers/numbers-calls.js'
import { badParameter, missingParameter } from '../parameter-kinds.js'
import { listParameters, logoutParameters, pageParameters, usualLimit, usualRows } from '../parameters.js'
import { readParameters, readQuery } from '../read-parameters.js'
import type { BindingPage } from '../warming/binding-page.js'
import { toHandover } from '../warming/warm-request.js'
import { pastSession, sessionDetails } from './details-page.js'
import { createEndCalls } from './end-calls.js'
import type { EndedNotice } from './ended-notice.js'
import { listPage, listWithMistake, toListWish } from './list-page.js'

const mostLiveLists = 32
const mostPastLines = 20
const usualOfPage = { limit: usualRows, sort: '-opened' } as const
const usualOfPrograms = { limit: usualLimit, sort: 'opened' } as const

interface SessionCallsParts {
  readonly config: AnswerSettings & Pick<Config, 'bosh' | 'warm'>
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
    request,
    admin,
    now: clock.now(),
    processes: sessions.processes,
  })
  const readList = async (wish: PageWish) => {
    const [page, states] = await Promise.all([sessions.page(wish), sessions.states(wish.scope)])
    return { page, states }
  }
  /** Live pages with the same list share it, so that it is read once for all of them in each interval. */
  const readForUpdates = cacheAnswers(clock, mostLiveLists, async question => {
    return { value: await readList(JSON.parse(question) as PageWish), seconds: liveSeconds - 1 }
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
      const wish = toListWish(query, admin, isPage ? usualOfPage : usualOfPrograms)
      if (!isPage) return jsonAnswer(describeList(await sessions.page(wish), clock.now(), admin.name))
      // A page that opens needs the newest list, because its reader may just have ended a session.
      const listed = await (isUpdate(request) ? readForUpdates(JSON.stringify(wish)) : readList(wish))
      const notice = isUpdate(request) ? undefined : endedNotice.messageOf(call)
      const values = listPage(listed, query, viewerOf(call), notice)
      const { headers, body } = livePage(page('sessions', 'sessions', call, values))
      const refresh = query.refresh && { Refresh: String(query.refresh) }
      return { status: 200, body, headers: { ...headers, ...refresh, ...(notice && endedNotice.forgotten(call)) } }
    },

    listWithMistake(problem: Problem, call: Call): Answer | undefined {
      const { representation } = call
      const values = representation === 'json' ? undefined : listWithMistake(problem, viewerOf(call))
      return values && withProblem(page('sessions', 'sessions', call, values), problem, representation)
    },

    async logOutEverywhere({ request, admin, line }: Call): Promise<Answer> {
      const { jid, visit } = readQuery(request.url, logoutParameters)
      if (jid !== undefined && visit !== undefined) throw badParameter('visit', 'Either jid or visit is allowed.')
      if (jid === undefined && visit === undefined) throw missingParameter('jid', 'Send jid or visit.')
      if (jid !== undefined) line['jid'] = formatBareJid(jid)
      if (jid !== undefined) demandDomain(admin, jid.domain)
      const ended = await sessions.endAll(
        jid === undefined
          ? { visit: { admin: admin.name, visit: visit! }, scope: admin.domains }
          : { jid: formatJid(jid) },
      )
      const result = describeEnded(ended)
      Object.assign(line, result)
      return jsonAnswer(result)
    },

    async show(call: Call): Promise<Answer> {
      const view = await demandSession(call)
      if (call.representation === 'json') return jsonAnswer(describeDetails(view, clock.now(), call.admin.name))
      const values = sessionDetails(view, tokenFor(call), viewerOf(call))
      return livePage(withForm(page('session', 'sessions', call, values)))
    },

    async showPast(problem: Problem, call: Call): Promise<Answer | undefined> {
      const { request, representation, admin } = call
      const id = request.params['id'] as string | undefined
      const isGone = problem.code === 'session-not-found'
      if (!isGone || id === undefined || representation === 'json' || !roleAllows(admin, 'audit')) return undefined
      const { lines } = await readAudit({ scope: admin.domains, viewer: admin.name, limit: mostPastLines, id })
      const own = lines.filter(line => line.id === id && (line.code ?? 'ok') === 'ok')
      if (own.length === 0) return undefined
      return pastSession(own, call, config)
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
      if (isForm && representation !== 'json') return bindingPage.redirect(binding, call, { domain, isResumed: true })
      return bindingAnswer(binding, config, { request, representation, domain })
    },
  }
}
