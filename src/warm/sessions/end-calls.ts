import type { Config } from '../../config/config.js'
import type { FormGuard } from '../../http/access/form-guard.js'
import { type Answer, jsonAnswer, redirectAnswer } from '../../http/answers/answer.js'
import { demandFormat, readBody } from '../../http/bodies/read-body.js'
import { Problem } from '../../lib/errors.js'
import { formPairs } from '../../lib/text/form-pairs.js'
import type { SessionDetails, Sessions } from '../../session/session-types.js'
import { idPattern } from '../../session/sid.js'
import type { StoredSession } from '../../store/store.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import { formatBareJid, formatJid } from '../../xmpp/jid/jid.js'
import type { AdminPage } from '../admin-page.js'
import { endedAnswer, pathForBrowsers, withForm } from '../answers.js'
import { type Call, demandDomain, demandRole, roleAllows } from '../calls.js'
import { countedSessions } from '../page-texts.js'
import { badParameter, missingParameter } from '../parameter-kinds.js'
import { endParameters, mostSelected } from '../parameters.js'
import { givenIn, queryOf, valuesOf } from '../read-parameters.js'
import { describeRow, type Viewer } from './details-page.js'
import { type EndedNotice, sentencesOf } from './ended-notice.js'
import { ofJid } from './list-page.js'

interface EndCallsParts {
  readonly config: Config
  readonly sessions: Pick<Sessions, 'page' | 'getMany' | 'end' | 'endAll'>
  readonly formGuard: FormGuard
  readonly endedNotice: EndedNotice
  readonly page: AdminPage
  readonly viewerOf: (call: Call) => Viewer
  readonly demandSession: (call: Call, options?: { readonly toEnd: boolean }) => Promise<SessionDetails>
  /** Rejects with `session-not-found`. */
  readonly end: (id: string) => Promise<void>
}

/** Admins end sessions by forms: first a question, then the answer. */
export function createEndCalls(parts: EndCallsParts) {
  const { config, sessions, formGuard, endedNotice, page, viewerOf, demandSession, end } = parts
  const tokenFor = ({ admin }: Call) => formGuard.token(admin.name)

  const demandSelection = async ({ admin, line }: Call, { ids, jid, back = '' }: ReturnType<typeof readSelection>) => {
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

  const endEach = async (views: readonly StoredSession[]): Promise<readonly StoredSession[]> => {
    const ended = await Promise.all(views.map(({ id }) => sessions.end(id).catch(() => false)))
    return views.filter((_, index) => ended[index])
  }

  const nameOf = ({ jid, domain }: StoredSession) => jid ?? `(at ${withULabels(domain)})`

  return {
    async askWhetherToEndMany(call: Call): Promise<Answer> {
      demandRole(call.admin, 'logout')
      const sent = new URLSearchParams(queryOf(call.request.url))
      if (call.representation !== 'json' && roleAllows(call.admin, 'sessions') && !sent.has('id') && !sent.has('jid')) {
        const back = new URLSearchParams(sent.get('back') ?? '')
        return endedNotice.redirect(call, 'Select at least one session.', String(back))
      }
      const { jid, total, views, back } = await demandSelection(call, readSelection(queryOf(call.request.url)))
      const user = jid && formatJid(jid)
      const count = countedSessions(total)
      const rows = views.map(view => describeRow(view, viewerOf(call)))
      const title = user === undefined ? `End ${count}?` : 'End all sessions of this user?'
      const values = { title, user, count, rows, back, isOne: total === 1, token: tokenFor(call) }
      return withForm(page('end-sessions', 'sessions', call, values))
    },

    async endManyByForm(call: Call): Promise<Answer> {
      const { request, admin, representation, line } = call
      const body = await readBody(request)
      demandFormat(request.headers['content-type'])
      const selection = readSelection(body.toString())
      if (!formGuard.checkForm(request, admin.name, selection.csrf_token))
        throw new Problem('cross-site-request', { detail: 'Programs end sessions by DELETE.' })
      const { jid, views, back } = await demandSelection(call, selection)
      const own = jid === undefined ? await endEach(views) : []
      const ended =
        jid === undefined ? { ended: own.length, elsewhere: 0 } : await sessions.endAll({ jid: formatJid(jid) })
      const answer = endedAnswer(line, ended)
      if (representation === 'json') return answer
      const selected = jid === undefined ? views.length : undefined
      const about = { ...ended, selected, user: jid && formatJid(jid), names: own.map(nameOf) }
      return endedNotice.redirect(call, sentencesOf(about), String(new URLSearchParams(back)))
    },

    async askWhetherToEnd(call: Call): Promise<Answer> {
      demandRole(call.admin, 'logout')
      const view = await demandSession(call)
      const row = describeRow(view, viewerOf(call))
      return withForm(page('end', 'sessions', call, { ...row, title: 'End this session?', token: tokenFor(call) }))
    },

    async endByForm(call: Call): Promise<Answer> {
      const { request, admin, representation } = call
      const given = givenIn(request.headers['content-type'], await readBody(request))
      if (!formGuard.checkForm(request, admin.name, given.get('csrf_token')))
        throw new Problem('cross-site-request', { detail: 'Programs end a session by DELETE.' })
      const view = await demandSession(call, { toEnd: true })
      await end(view.id)
      if (representation === 'json') return jsonAnswer({ ended: 1 })
      const ended = { ended: 1, selected: 1, elsewhere: 0 }
      return endedNotice.redirect(call, sentencesOf({ ...ended, names: [nameOf(view)] }))
    },

    async showEnded(call: Call): Promise<Answer> {
      const message = endedNotice.messageOf(call)
      if (message === undefined) return redirectAnswer(pathForBrowsers(config))
      return page('end', 'sessions', call, { title: 'Sessions have ended', message })
    },
  }
}

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
