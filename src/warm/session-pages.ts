// What browsers see of sessions: all of them, with the numbers that an operator looks at, one of them, and the question
// whether it is to end.
import type { Request } from 'express'
import type { Admin, Config } from '../config/config.js'
import { homePath } from '../http/addresses.js'
import { advice } from '../http/answers/advice.js'
import { type Answer, detailOf, pageAnswer, problemHeaders } from '../http/answers/answer.js'
import type { Problem } from '../lib/errors.js'
import type { SessionPage, SessionState, SessionView } from '../session/sessions.js'
import { describeSession, pathForBrowsers, represent } from './answers.js'
import type { Values } from './parameter-kinds.js'
import { formatPlace, type pageParameters } from './parameters.js'
import type { Overview, ProcessView } from './processes.js'

/** What a page depends on beside the sessions; `now` is in milliseconds of the clock. */
export interface Shown {
  readonly request: Request
  readonly config: Config
  readonly admin: Admin
  readonly now: number
}

/** The numbers of the list: how many sessions stand how, and what became of logins. */
export interface Numbers {
  readonly states: ReadonlyMap<SessionState, number>
  /** Of all domains together; undefined where the admin may not see these. */
  readonly about: Overview | undefined
}

/** What each state means, and the settings that decide how long it lasts. */
const meanings: Readonly<Record<SessionState, string>> = {
  opening:
    'It is being logged in. Where a client logs in by itself, the XMPP server has not yet said as whom.',
  waiting: 'It is logged in and waits for the first request of its page. It ends if none comes in time.',
  held: 'Its page is there: a request, or a WebSocket, is open.',
  quiet: 'Its page has no request open at the moment. It ends if that lasts for longer than BOSH_INACTIVITY.',
  paused: 'Its page has said that it will be silent for a while. It ends if it does not come back in time.',
  ended: 'The XMPP server has ended it. Its page is told so when it asks the next time.',
  elsewhere: 'Its page talks to another endpoint. It can be neither seen, resumed nor ended here.',
}

const origins: Readonly<Record<SessionView['origin'], string>> = {
  warmed: 'logged in by this service for a backend',
  client: 'opened by the client itself',
}

/** How often a page refreshes itself that was told to, in seconds. */
const usualRefresh = 15

type ListQuery = Values<typeof pageParameters>

/** A list of sessions with the form that narrows it; or, where it refreshes itself, without a form that this would empty. */
export function listPage(page: SessionPage, query: ListQuery, numbers: Numbers, shown: Shown): Answer {
  const { request, now } = shown
  const { total, next, unanswered } = page
  const { refresh } = query
  const rows = page.sessions.map(view => describeRow(view, now))
  const some = total === 1 ? '1 session' : `${total} sessions`
  const sent = sentQuery(request)
  const narrowing = ['jid', 'domain', 'state', 'origin'].filter(name => sent.has(name))
  const answer = showList(shown, {
    rows,
    caption: rows.length < total ? `${rows.length} of ${some}` : some,
    refresh,
    unanswered,
    filter: narrowing.map(name => ({ name: filterNames.get(name) ?? name, value: sent.get(name) })),
    numbers: { ...countsOf(numbers, sent), ...(numbers.about && overviewOf(numbers.about)) },
    links: {
      again: changed(sent, {}),
      still: changed(sent, { refresh: undefined }),
      live: changed(sent, { refresh: String(usualRefresh) }),
      all:
        narrowing.length > 0 && changed(new URLSearchParams(), { refresh: sent.get('refresh') ?? undefined }),
      first: sent.has('after') && changed(sent, { after: undefined }),
      next: next && changed(sent, { after: formatPlace(next) }),
    },
    usualRefresh,
  })
  // Only where people have asked for it: a page that is loaded again takes the focus of the keyboard away.
  return refresh === undefined
    ? answer
    : { ...answer, headers: { ...answer.headers, Refresh: String(refresh) } }
}

/** The form again, for a query with a mistake in it; undefined where that is not in one of the form's fields. */
export function mistakenListPage(problem: Problem, shown: Shown): Answer | undefined {
  const { request, config } = shown
  const representation = represent(request, config.warmPath)
  const field = mistakenField(problem, sentQuery(request))
  if (representation === 'json' || field === undefined) return undefined
  const message = problem.parameter?.rule ?? `${detailOf(problem)} ${advice[problem.code]}`
  const { body } = showList(shown, { errors: { [field]: message } })
  return { status: problem.status, headers: problemHeaders(problem, representation), body }
}

function mistakenField({ code, parameter }: Problem, sent: URLSearchParams): string | undefined {
  if (code === 'invalid-jid') return 'jid'
  if (code === 'forbidden') return sent.has('domain') ? 'domain' : 'jid'
  return parameter !== undefined && filterNames.has(parameter.name) ? parameter.name : undefined
}

/** The fields of the form, and what they are called. */
const filterNames = new Map([
  ['jid', 'JID'],
  ['domain', 'domain'],
  ['state', 'state'],
])

function showList(shown: Shown, values: object): Answer {
  const sent = sentQuery(shown.request)
  const states = Object.entries(meanings).map(([name, meaning]) => ({
    ...{ name, meaning },
    isChosen: sent.get('state') === name,
  }))
  const fields = { jid: sent.get('jid'), domain: sent.get('domain') }
  return show('sessions', shown, { title: 'Sessions', fields, states, errors: {}, ...values })
}

/** One session, with what can be done to it. `token` is for the form that does so. */
export function sessionPage(view: SessionView, token: string, shown: Shown): Answer {
  const { state, origin, transport } = view
  const isAttachable = state !== 'opening' && state !== 'ended'
  // The stream of such a session is its client's own.
  const isResumable = isAttachable && !(origin === 'client' && transport === 'websocket')
  return withForm(
    show('session', shown, {
      ...describeRow(view, shown.now),
      title: 'Session',
      meaning: meanings[state],
      origin: origins[origin],
      ...{ token, isResumable, isAttachable },
    }),
  )
}

/** The question whether a session is to end. `token` is for the form that says yes. */
export function endPage(view: SessionView, token: string, shown: Shown): Answer {
  const title = 'End this session?'
  return withForm(show('end', shown, { ...describeRow(view, shown.now), title, token }))
}

/** Tells that a session has ended. */
export function endedPage(view: SessionView, shown: Shown): Answer {
  return show('end', shown, { ...describeRow(view, shown.now), title: 'The session has ended' })
}

function show(view: string, { request, config }: Shown, values: object): Answer {
  const home = homePath(config.externalUrl)
  const about = { home, path: pathForBrowsers(config), made: timeOfDay() }
  // What has no page in another format is a page in any case.
  const representation = represent(request, config.warmPath) === 'xhtml' ? 'xhtml' : 'html'
  return pageAnswer(view, { ...about, ...values }, representation)
}

/** With `no-referrer`, browsers would send the form with `Origin: null`. */
function withForm({ headers, ...answer }: Answer): Answer {
  return { ...answer, headers: { ...headers, 'Referrer-Policy': 'same-origin' } }
}

/** A session in words. */
function describeRow(view: SessionView, now: number) {
  const { jid, domain, transport, age, quiet, ...rest } = describeSession(view, now)
  return {
    ...rest,
    who: jid ?? `(at ${domain})`,
    age: span(age),
    transport: transport ?? '–',
    quiet: quiet === undefined ? '–' : span(quiet),
    isHere: view.state !== 'elsewhere',
  }
}

function countsOf({ states }: Numbers, sent: URLSearchParams) {
  const refresh = sent.get('refresh') ?? undefined
  const counts = (Object.keys(meanings) as SessionState[]).map(name => ({
    ...{ name, count: states.get(name) ?? 0 },
    href: changed(new URLSearchParams(), { state: name, refresh }),
  }))
  return { states: counts, total: counts.reduce((sum, { count }) => sum + count, 0) }
}

function overviewOf({ own, warms: { outcomes, within }, processes }: Overview) {
  return {
    warms: { ...outcomes, p50: milliseconds(within(0.5)), p99: milliseconds(within(0.99)) },
    ...(processes === undefined
      ? { process: { memory: mebibytes(own.memory), heap: mebibytes(own.heap) } }
      : { processes: processes.map(describeProcess) }),
  }
}

/** A process in words. */
function describeProcess({ name, place, isOwn, state, memory, sessions, age }: ProcessView) {
  return {
    ...{ name, isOwn, state },
    place: place ?? '–',
    memory: memory === undefined ? '–' : mebibytes(memory),
    sessions: sessions ?? '–',
    age: age === undefined ? '–' : span(Math.floor(age / 1000)),
  }
}

/** What the form was sent with, but for fields that were left empty. */
function sentQuery({ url }: Request): URLSearchParams {
  const sent = new URLSearchParams(url.replace(/^[^?]*/, ''))
  return new URLSearchParams([...sent].filter(([, value]) => value !== ''))
}

/** The address of the same list with another query. */
function changed(sent: URLSearchParams, changes: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams(sent)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) query.delete(name)
    else query.set(name, value)
  }
  return `?${query}`
}

/** A time for people, in the largest unit that it fills. */
function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** The same for times that are short; two digits are as exact as they are known. */
function milliseconds(time: number | undefined): string {
  if (time === undefined) return '–'
  return time < 1000 ? `${Number(time.toPrecision(2))} ms` : `${Number((time / 1000).toPrecision(2))} s`
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`

/** Such as `14:03:12 UTC`. */
const timeOfDay = () => `${new Date().toISOString().slice(11, 19)} UTC`
