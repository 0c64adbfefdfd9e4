import type { Config } from '../../config/config.js'
import type { FormGuard } from '../../http/access/form-guard.js'
import { type Answer, jsonAnswer, redirectAnswer } from '../../http/answers/answer.js'
import { demandFormat, readBody } from '../../http/bodies/read-body.js'
import type { Clock } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import { formPairs } from '../../lib/text/form-pairs.js'
import type { Sessions } from '../../session/session-types.js'
import { idPattern } from '../../session/sid.js'
import type { StoredSession } from '../../store/store.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import { formatBareJid, formatJid } from '../../xmpp/jid/jid.js'
import type { AdminPage } from '../admin-page.js'
import { endedAnswer, pathForBrowsers, withForm } from '../answers.js'
import { type Call, demandDomain, demandRole, roleAllows } from '../calls.js'
import { countedSessions } from '../page-texts.js'
import { badParameter, missingParameter } from '../parameter-kinds.js'
import { endParameters, logoutParameters, mostSelected } from '../parameters.js'
import { givenIn, queryOf, readQuery, valuesOf } from '../read-parameters.js'
import { demandSession } from './demand-session.js'
import { describeRow } from './details-page.js'
import { type EndedNotice, sentencesOf } from './ended-notice.js'
import { ofJid } from './list-page.js'

export interface EndCallsParts {
  readonly config: Config
  readonly clock: Clock
  readonly sessions: Sessions
  readonly formGuard: FormGuard
  readonly endedNotice: EndedNotice
  readonly page: AdminPage
}

/** Programs end sessions by DELETE, and admins by forms: first a question, then the answer. */
export class EndCalls {
  readonly #parts: EndCallsParts

  constructor(parts: EndCallsParts) {
    this.#parts = parts
  }

  readonly logOut = async (call: Call): Promise<undefined> => {
    await this.#end(call)
    call.response.status(204).end()
  }

  readonly logOutEverywhere = async ({ request, admin, line }: Call): Promise<Answer> => {
    const { sessions } = this.#parts
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
  }

  readonly askWhetherToEnd = async (call: Call): Promise<Answer> => {
    demandRole(call.admin, 'logout')
    const view = await demandSession(this.#parts.sessions, call)
    return this.#question('end', call, { ...this.#rowOf(view, call), title: 'End this session?' })
  }

  readonly endByForm = async (call: Call): Promise<Answer> => {
    const { formGuard, endedNotice } = this.#parts
    const { request, admin, representation } = call
    const given = givenIn(request.headers['content-type'], await readBody(request))
    if (!formGuard.checkForm(request, admin.name, given.get('csrf_token')))
      throw new Problem('cross-site-request', { detail: 'Programs end a session by DELETE.' })
    const view = await this.#end(call)
    if (representation === 'json') return jsonAnswer({ ended: 1 })
    const ended = { ended: 1, selected: 1, elsewhere: 0 }
    return endedNotice.redirect(call, sentencesOf({ ...ended, names: [nameOf(view)] }))
  }

  readonly askWhetherToEndMany = async (call: Call): Promise<Answer> => {
    demandRole(call.admin, 'logout')
    const query = queryOf(call.request.url)
    const sent = new URLSearchParams(query)
    if (call.representation !== 'json' && roleAllows(call.admin, 'sessions') && !sent.has('id') && !sent.has('jid'))
      return this.#parts.endedNotice.redirect(call, 'Select at least one session.', sent.get('back') ?? '')
    const { jid, total, views, back } = await this.#selected(call, readSelection(query))
    const user = jid && formatJid(jid)
    const count = countedSessions(total)
    const rows = views.map(view => this.#rowOf(view, call))
    const title = user === undefined ? `End ${count}?` : 'End all sessions of this user?'
    return this.#question('end-sessions', call, { title, user, count, rows, back, isOne: total === 1 })
  }

  readonly endManyByForm = async (call: Call): Promise<Answer> => {
    const { sessions, formGuard, endedNotice } = this.#parts
    const { request, admin, representation, line } = call
    const body = await readBody(request)
    demandFormat(request.headers['content-type'])
    const selection = readSelection(body.toString())
    if (!formGuard.checkForm(request, admin.name, selection.csrf_token))
      throw new Problem('cross-site-request', { detail: 'Programs end sessions by DELETE.' })
    const { jid, views, back } = await this.#selected(call, selection)
    const own = await this.#endEach(views)
    const user = jid && formatJid(jid)
    const ended = user === undefined ? { ended: own.length, elsewhere: 0 } : await sessions.endAll({ jid: user })
    const answer = endedAnswer(line, ended)
    if (representation === 'json') return answer
    const selected = user === undefined ? views.length : undefined
    const text = sentencesOf({ ...ended, selected, user, names: own.map(nameOf) })
    return endedNotice.redirect(call, text, back)
  }

  readonly showEnded = async (call: Call): Promise<Answer> => {
    const { config, endedNotice, page } = this.#parts
    const message = endedNotice.messageOf(call)
    if (message === undefined) return redirectAnswer(pathForBrowsers(config))
    return page('end', 'sessions', call, { title: 'Sessions have ended', message })
  }

  async #end(call: Call): Promise<StoredSession> {
    const { sessions } = this.#parts
    const view = await demandSession(sessions, call, { toEnd: true })
    if (!(await sessions.end(view.id))) throw new Problem('session-not-found')
    return view
  }

  async #endEach(views: readonly StoredSession[]): Promise<readonly StoredSession[]> {
    const ended = await Promise.all(views.map(({ id }) => this.#parts.sessions.end(id).catch(() => false)))
    return views.filter((_, index) => ended[index])
  }

  async #selected({ admin, line }: Call, { ids, jid, back = '' }: ReturnType<typeof readSelection>) {
    const { sessions } = this.#parts
    if (jid !== undefined) {
      line['jid'] = formatBareJid(jid)
      demandDomain(admin, jid.domain)
      const { total } = await sessions.page({ scope: admin.domains, ...ofJid(jid), limit: 1 })
      const none: StoredSession[] = []
      return { jid, total, views: none, back }
    }
    const views = await sessions.getMany(ids)
    for (const { domain } of views) demandDomain(admin, domain)
    line['ids'] = views.map(({ id }) => id)
    line['jids'] = [...new Set(views.flatMap(({ jid }) => jid?.split('/', 1)[0] ?? []))]
    return { jid, total: views.length, views, back }
  }

  #question(view: string, call: Call, values: object): Answer {
    const { page, formGuard } = this.#parts
    return withForm(page(view, 'sessions', call, { ...values, token: formGuard.token(call.admin.name) }))
  }

  #rowOf(view: StoredSession, { admin }: Call) {
    return describeRow(view, { now: this.#parts.clock.now(), admin })
  }
}

const nameOf = ({ jid, domain }: StoredSession) => jid ?? `(at ${withULabels(domain)})`

const handle = new RegExp(`^${idPattern}$`)

function readSelection(text: string) {
  const ids = new Set<string>()
  const others: (readonly [string | undefined, string | undefined])[] = []
  for (const pair of formPairs(text)) {
    const [name, value] = pair
    if (name !== 'id') others.push(pair)
    else if (value !== undefined && handle.test(value)) ids.add(value)
    else throw badParameter('id', 'The id of a session.')
  }
  const { jid, back, csrf_token } = valuesOf(others, endParameters, 'form', value => value === '')
  if (ids.size > mostSelected) throw badParameter('id', `At most ${mostSelected} sessions.`)
  if (jid === undefined && ids.size === 0) throw missingParameter('id', 'Select at least one session.')
  if (jid !== undefined && ids.size > 0) throw badParameter('id', 'Either jid or id is allowed.')
  return { ids: [...ids], jid, back, csrf_token }
}
