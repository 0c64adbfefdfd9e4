import type { Config } from '../../config/config.js'
import type { FormGuard } from '../../http/access/form-guard.js'
import { type Answer, callIdsOf, jsonAnswer, redirectAnswer } from '../../http/answers/answer.js'
import { type EventStreams, wantsEvents } from '../../http/answers/event-streams.js'
import { demandFormat, readBody } from '../../http/bodies/read-body.js'
import { remembering } from '../../lib/answer-cache.js'
import type { Clock } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import type { ListWish, SessionDetails, Sessions, SessionView } from '../../session/session-types.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import { formatBareJid, formatJid } from '../../xmpp/jid/jid.js'
import { operatorContext } from '../admin-page.js'
import {
  type AnswerSettings,
  attachBindingFor,
  bindingAnswer,
  describeDetails,
  describeEnded,
  describeList,
  pathForBrowsers,
} from '../answers.js'
import { type Call, demandDomain, demandRole, includes } from '../calls.js'
import { answerLive, livePage } from '../live-page.js'
import type { AuditPage, AuditWish } from '../numbers/audit-lines.js'
import { badParameter, missingParameter } from '../parameter-kinds.js'
import { listParameters, logoutParameters, pageParameters, usualRows } from '../parameters.js'
import { noParameters, queryOf, readParameters, readQuery } from '../read-parameters.js'
import { readSelection } from '../selected-sessions.js'
import type { Visits } from '../visits.js'
import type { ShownBindings } from '../warming/binding-page.js'
import { toHandover } from '../warming/warm-request.js'
import { endConfirmation, endManyQuestion, endQuestion, type Selected, sessionDetails } from './details-page.js'
import type { ShownEndings } from './ended-notice.js'
import { isLive, listWithMistake, liveSessions, sessionsPage } from './list-page.js'
import { toListWish } from './list-wish.js'
import { pastSession } from './past-session.js'

/** Open pages with the same list share a reading, for less than the time between two events. */
const liveSeconds = 4
const mostLiveLists = 32
const mostPastLines = 20

export interface SessionCallsParts {
  readonly config: AnswerSettings & Pick<Config, 'bosh' | 'warm'>
  readonly clock: Clock
  readonly sessions: Sessions
  readonly visits: Visits
  readonly streams: EventStreams
  readonly readAudit: (wish: AuditWish) => Promise<AuditPage>
}

export function createSessionCalls(
  { config, clock, sessions, visits, streams, readAudit }: SessionCallsParts,
  formGuard: FormGuard,
  shown: ShownBindings,
  endings: ShownEndings,
) {
  const contextOf = (call: Call) => ({
    ...operatorContext(call, config),
    now: clock.now(),
    admin: call.admin.name,
    rights: {
      canWarm: includes(call.admin, 'warm'),
      canEnd: includes(call.admin, 'logout'),
      canResume: includes(call.admin, 'resume'),
      canList: includes(call.admin, 'sessions'),
    },
  })
  const listContextOf = (call: Call) => ({ ...contextOf(call), processes: sessions.processes })
  const readList = async (wish: ListWish) => {
    const [page, { states }] = await Promise.all([sessions.page(wish), sessions.states(wish.scope)])
    return { page, states }
  }
  const readForStreams = remembering(clock, mostLiveLists, async question => {
    return { value: await readList(JSON.parse(question) as ListWish), seconds: liveSeconds }
  })
  const tokenFor = ({ admin }: Call) => formGuard.token(admin.name)

  /** Throws a `Problem` if the session is unknown, forbidden to this admin, or at a remote endpoint. */
  const demandSession = async ({ request, admin, line }: Call): Promise<SessionDetails> => {
    const id = request.params['id'] as string | undefined
    if (id === undefined) throw new Problem('session-not-found')
    line['id'] = id
    const view = await sessions.get(id)
    if (view === undefined) throw new Problem('session-not-found')
    line['jid'] = view.jid?.split('/', 1)[0]
    demandDomain(admin, view.domain)
    if (view.state === 'elsewhere') throw new Problem('not-here')
    return view
  }

  /** Throws a `Problem` if this admin must not end a selected session. */
  const demandSelection = async (
    { admin, line }: Call,
    { ids, jid, back = '' }: ReturnType<typeof readSelection>,
  ): Promise<Selected> => {
    if (jid !== undefined) {
      line['jid'] = formatBareJid(jid)
      demandDomain(admin, jid.domain)
      const { total } = await sessions.page({ scope: admin.domains, jid: formatJid(jid), limit: 1 })
      return { jid, total, views: [], back }
    }
    const views = await sessions.getMany(ids)
    for (const { domain } of views) demandDomain(admin, domain)
    line['ids'] = views.map(({ id }) => id)
    line['jids'] = [...new Set(views.flatMap(({ jid }) => jid?.split('/', 1)[0] ?? []))]
    return { jid, total: views.length, views, back }
  }

  const endEach = async (views: readonly SessionView[]): Promise<readonly SessionView[]> => {
    const ended = await Promise.all(views.map(({ id }) => sessions.end(id).catch(() => false)))
    return views.filter((_, index) => ended[index])
  }

  const nameOf = ({ jid, domain }: SessionView) => jid ?? `(at ${withULabels(domain)})`

  const end = async (id: string) => {
    if (!(await sessions.end(id))) throw new Problem('session-not-found')
  }

  return {
    async list(call: Call): Promise<Answer | undefined> {
      const { request, admin, representation, line } = call
      const isPage = representation !== 'json'
      const query = isPage
        ? readQuery(request.url, pageParameters, { sentForm: true })
        : { ...readQuery(request.url, listParameters), refresh: undefined }
      const { jid, domain = jid?.domain, visit } = query
      line['jid'] = jid && formatBareJid(jid)
      if (domain !== undefined) demandDomain(admin, domain)
      // All admins can list the sessions of their own visits.
      if (visit === undefined) demandRole(admin, 'sessions', ' It can list the sessions of a visit.')
      const wish = toListWish(query, admin, isPage ? { limit: usualRows, sort: '-opened' } : undefined)
      if (!isPage) return jsonAnswer(describeList(await sessions.page(wish), clock.now(), admin.name))
      if (wantsEvents(request) && isLive(query)) {
        const question = JSON.stringify(wish)
        let isFirst = true
        await streams.open(call.response, admin.name, async () => {
          // A shared reading may be older than the page.
          const listed = await (isFirst ? readList(wish) : readForStreams(question))
          isFirst = false
          return liveSessions(listed, query, listContextOf(call)).body
        })
        return undefined
      }
      const notice = endings.messageOf(call)
      const page = livePage(sessionsPage(await readList(wish), query, listContextOf(call), notice))
      return notice === undefined ? page : { ...page, headers: { ...page.headers, ...endings.forgotten(call) } }
    },

    listWithMistake: (problem: Problem, call: Call): Answer | undefined =>
      listWithMistake(problem, listContextOf(call)),

    async logOutEverywhere({ request, admin, line }: Call): Promise<Answer> {
      const { jid, visit } = readQuery(request.url, logoutParameters)
      if (jid !== undefined && visit !== undefined) throw badParameter('visit', 'Either jid or visit is allowed.')
      if (jid === undefined && visit === undefined) throw missingParameter('jid', 'Send jid or visit.')
      if (jid !== undefined) line['jid'] = formatBareJid(jid)
      if (jid !== undefined) demandDomain(admin, jid.domain)
      const ended =
        jid === undefined
          ? await visits.end({ admin: admin.name, visit: visit! }, admin.domains)
          : await sessions.endAll(formatJid(jid))
      const result = describeEnded(ended)
      Object.assign(line, result)
      return jsonAnswer(result)
    },

    async show(call: Call): Promise<Answer | undefined> {
      let view = await demandSession(call)
      if (call.representation === 'json') return jsonAnswer(describeDetails(view, clock.now(), call.admin.name))
      let endedAt: number | undefined
      const read = async () => {
        try {
          if (endedAt === undefined) view = await demandSession(call)
        } catch (error) {
          if (!(error instanceof Problem && error.code === 'session-not-found')) throw error
          endedAt = clock.now()
        }
      }
      let isFirst = true
      return answerLive(streams, call, async () => {
        if (!isFirst) await read()
        isFirst = false
        return sessionDetails(view, tokenFor(call), contextOf(call), endedAt)
      })
    },

    /** Shows the audit lines of a session that has ended, if this admin may see them. */
    async showPast(problem: Problem, call: Call): Promise<Answer | undefined> {
      const { request, representation, admin } = call
      const id = request.params['id'] as string | undefined
      const isGone = problem.code === 'session-not-found'
      if (!isGone || id === undefined || representation === 'json' || !includes(admin, 'audit')) return undefined
      const { lines } = await readAudit({ scope: admin.domains, viewer: admin.name, limit: mostPastLines, id })
      const own = lines.filter(line => line.id === id && (line.code ?? 'ok') === 'ok')
      if (own.length === 0) return undefined
      return pastSession(problem, own, contextOf(call))
    },

    async logOut(call: Call): Promise<undefined> {
      const { id } = await demandSession(call)
      await end(id)
      call.response.status(204).end()
    },

    async askWhetherToEndMany(call: Call): Promise<Answer> {
      demandRole(call.admin, 'logout')
      const sent = new URLSearchParams(queryOf(call.request.url))
      if (call.representation !== 'json' && includes(call.admin, 'sessions') && !sent.has('id') && !sent.has('jid')) {
        const back = new URLSearchParams(sent.get('back') ?? '')
        return endings.say(call, 'Select at least one session.', String(back))
      }
      const asked = await demandSelection(call, readSelection(queryOf(call.request.url)))
      return endManyQuestion(asked, tokenFor(call), contextOf(call))
    },

    async endManyByForm(call: Call): Promise<Answer> {
      const { request, admin, representation, line } = call
      const body = await readBody(request)
      demandFormat(request.headers['content-type'])
      const selection = readSelection(body.toString())
      if (!formGuard.isOurForm(request, admin.name, selection.csrf_token))
        throw new Problem('cross-site-request', { detail: 'Programs end sessions by DELETE.' })
      const { jid, views, back } = await demandSelection(call, selection)
      const own = jid === undefined ? await endEach(views) : []
      const ended =
        jid === undefined
          ? { ended: own.length, elsewhere: 0, unanswered: undefined }
          : await sessions.endAll(formatJid(jid))
      const result = describeEnded(ended)
      Object.assign(line, result)
      if (representation === 'json') return jsonAnswer(result)
      const wished = jid === undefined ? views.length : undefined
      const about = { ...ended, wished, user: jid && formatJid(jid), names: own.map(nameOf) }
      return endings.redirect(call, about, String(new URLSearchParams(back)))
    },

    async askWhetherToEnd(call: Call): Promise<Answer> {
      demandRole(call.admin, 'logout')
      const view = await demandSession(call)
      return endQuestion(view, tokenFor(call), contextOf(call))
    },

    async endByForm(call: Call): Promise<Answer> {
      const { request, admin, representation } = call
      const read = readParameters(request.headers['content-type'], await readBody(request))
      if (!formGuard.isOurForm(request, admin.name, read('csrf_token')))
        throw new Problem('cross-site-request', { detail: 'Programs end a session by DELETE.' })
      const view = await demandSession(call)
      await end(view.id)
      if (representation === 'json') return jsonAnswer({ ended: 1 })
      const ended = { ended: 1, wished: 1, elsewhere: 0, unanswered: undefined }
      return endings.redirect(call, { ...ended, names: [nameOf(view)] })
    },

    async showEnded(call: Call): Promise<Answer> {
      const message = endings.messageOf(call)
      return message === undefined ? redirectAnswer(pathForBrowsers(config)) : endConfirmation(message, contextOf(call))
    },

    async resume(call: Call): Promise<Answer> {
      const { request, admin, representation } = call
      const body = await readBody(request)
      const read = body.length === 0 ? noParameters : readParameters(request.headers['content-type'], body)
      const isOurForm = formGuard.isOurForm(request, admin.name, read('csrf_token'))
      const { seconds, attachBinding } = toHandover(read, config)
      // If the caller hangs up after this point, the session continues.
      const { id, domain } = await demandSession(call)
      const handover = {
        seconds,
        attachBinding: attachBindingFor(representation === 'json', attachBinding),
        ids: callIdsOf(request),
      }
      const resumed = await sessions.resume(id, handover)
      if (resumed === undefined) throw new Problem('session-not-found')
      const binding = { ...resumed, expiresIn: seconds }
      if (isOurForm && representation !== 'json') return shown.redirect(binding, call, { domain, isResumed: true })
      return bindingAnswer(binding, config, { request, representation, domain })
    },
  }
}
