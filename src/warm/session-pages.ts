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

/** `now` is in milliseconds of the clock. */
export interface Shown {
  readonly request: Request
  readonly config: Config
  readonly admin: Admin
  readonly now: number
}

export interface Numbers {
  readonly states: ReadonlyMap<SessionState, number>
  /** Undefined if the admin is not for all domains. */
  readonly about: Overview | undefined
}

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

/** In seconds. */
const usualRefresh = 15

type ListQuery = Values<typeof pageParameters>

/** A page that refreshes itself has no form: the refresh would empty it. */
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
  // Only on request: each load moves the focus of the keyboard.
  return refresh === undefined
    ? answer
    : { ...answer, headers: { ...answer.headers, Refresh: String(refresh) } }
}

/** Undefined if the mistake is in no field of the form. */
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

/** The fields of the form and their labels. */
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

/** `token` is for the form. */
export function sessionPage(view: SessionView, token: string, shown: Shown): Answer {
  const { state, origin, transport } = view
  const isAttachable = state !== 'opening' && state !== 'ended'
  // A WebSocket client that logged in by itself owns its stream.
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

/** `token` is for the form. */
export function endPage(view: SessionView, token: string, shown: Shown): Answer {
  const title = 'End this session?'
  return withForm(show('end', shown, { ...describeRow(view, shown.now), title, token }))
}

export function endedPage(view: SessionView, shown: Shown): Answer {
  return show('end', shown, { ...describeRow(view, shown.now), title: 'The session has ended' })
}

function show(view: string, { request, config }: Shown, values: object): Answer {
  const home = homePath(config.externalUrl)
  const about = { home, path: pathForBrowsers(config), made: timeOfDay() }
  const representation = represent(request, config.warmPath) === 'xhtml' ? 'xhtml' : 'html'
  return pageAnswer(view, { ...about, ...values }, representation)
}

/** With `no-referrer`, browsers would send the form with `Origin: null`. */
function withForm({ headers, ...answer }: Answer): Answer {
  return { ...answer, headers: { ...headers, 'Referrer-Policy': 'same-origin' } }
}

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

function describeProcess({ name, place, isOwn, state, memory, sessions, age }: ProcessView) {
  return {
    ...{ name, isOwn, state },
    place: place ?? '–',
    memory: memory === undefined ? '–' : mebibytes(memory),
    sessions: sessions ?? '–',
    age: age === undefined ? '–' : span(Math.floor(age / 1000)),
  }
}

/** The query of the form, without empty fields. */
function sentQuery({ url }: Request): URLSearchParams {
  const sent = new URLSearchParams(url.replace(/^[^?]*/, ''))
  return new URLSearchParams([...sent].filter(([, value]) => value !== ''))
}

/** The same list with another query. */
function changed(sent: URLSearchParams, changes: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams(sent)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) query.delete(name)
    else query.set(name, value)
  }
  return `?${query}`
}

function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** With two digits, the precision of the figures. */
function milliseconds(time: number | undefined): string {
  if (time === undefined) return '–'
  return time < 1000 ? `${Number(time.toPrecision(2))} ms` : `${Number((time / 1000).toPrecision(2))} s`
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`

const timeOfDay = () => `${new Date().toISOString().slice(11, 19)} UTC`
