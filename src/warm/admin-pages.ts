import type { Request } from 'express'
import type { Config } from '../config/config.js'
import { homePath } from '../http/addresses.js'
import { pageAdvice } from '../http/answers/advice.js'
import { type Answer, detailOf, pageAnswer, problemHeaders } from '../http/answers/answer.js'
import { type NavigationPage, navigation } from '../http/answers/navigation.js'
import type { Representation } from '../http/answers/negotiation.js'
import type { Problem } from '../lib/errors.js'
import type { SessionList, SessionState, SessionView } from '../session/session-types.js'
import { describeSession, formatTime, pathForBrowsers, withForm } from './answers.js'
import type { Overview, ProcessView } from './overview.js'
import type { Values } from './parameter-kinds.js'
import { formatPlace, type pageParameters } from './parameters.js'

export interface PageContext {
  readonly request: Request
  readonly representation: Representation
  readonly config: Pick<Config, 'externalUrl' | 'warmPath' | 'warm'>
  readonly now: number
  readonly admin: string
  /** What the role of the admin includes. */
  readonly rights: {
    readonly canWarm: boolean
    readonly canEnd: boolean
    readonly canResume: boolean
    readonly canList: boolean
    readonly hidden: readonly NavigationPage[]
  }
}

export interface Numbers {
  readonly states: ReadonlyMap<SessionState, number>
  /** Undefined unless the admin is for all domains. */
  readonly overview: Overview | undefined
}

const meanings: Readonly<Record<SessionState, string>> = {
  opening: 'The login is not done. If the client logs in by itself, the user is not known yet.',
  waiting: 'The session waits for the first request of its page. It ends if no request arrives in time.',
  held: 'The page has a request or a WebSocket open.',
  quiet: 'The page has no request open. The session ends if that lasts longer than BOSH_INACTIVITY.',
  paused: 'The page has announced a pause. The session ends if the page does not return in time.',
  ended: 'The session has ended. The page gets the reason with its next request.',
  elsewhere: 'The page uses another endpoint. This service cannot show, resume or end the session.',
}

const origins: Readonly<Record<SessionView['origin'], string>> = {
  warmed: 'logged in by this service for a backend',
  client: 'opened by the client itself',
}

/** In seconds. */
const usualRefresh = 15

type ListQuery = Values<typeof pageParameters>

/** A page that refreshes itself has no form, because a refresh would empty the form. */
export function sessionList(page: SessionList, query: ListQuery, numbers: Numbers, context: PageContext): Answer {
  const { request } = context
  const { total, next, unanswered } = page
  const { refresh } = query
  const rows = page.sessions.map(view => describeRow(view, context))
  const some = total === 1 ? '1 session' : `${total} sessions`
  const sent = sentQuery(request)
  const narrowing = ['jid', 'domain', 'state', 'origin', 'visit'].filter(name => sent.has(name))
  const answer = showList(context, {
    rows,
    caption: rows.length < total ? `${rows.length} of ${some}` : some,
    refresh,
    unanswered,
    filter: narrowing.map(name => ({ name: filterNames.get(name) ?? name, value: sent.get(name) })),
    numbers: { states: countsOf(numbers, sent), ...(numbers.overview && describeOverview(numbers.overview)) },
    links: {
      again: changed(sent, {}),
      still: changed(sent, { refresh: undefined }),
      live: changed(sent, { refresh: String(usualRefresh) }),
      all: narrowing.length > 0 && changed(new URLSearchParams(), { refresh: sent.get('refresh') ?? undefined }),
      first: sent.has('after') && changed(sent, { after: undefined }),
      next: next && changed(sent, { after: formatPlace(next) }),
    },
    usualRefresh,
  })
  // Refreshes only on request, because each load moves the keyboard's focus.
  return refresh === undefined ? answer : { ...answer, headers: { ...answer.headers, Refresh: String(refresh) } }
}

export function listWithMistake(problem: Problem, context: PageContext): Answer | undefined {
  const { request, representation } = context
  const field = mistakenField(problem, sentQuery(request))
  if (representation === 'json' || field === undefined) return undefined
  const message = problem.parameter?.rule ?? `${detailOf(problem)} ${pageAdvice[problem.code]}`
  const { body } = showList(context, { errors: { [field]: message } })
  return { status: problem.status, headers: problemHeaders(problem, representation), body }
}

function mistakenField({ code, parameter }: Problem, sent: URLSearchParams): string | undefined {
  if (code === 'invalid-jid') return 'jid'
  if (code === 'forbidden') return sent.has('domain') ? 'domain' : 'jid'
  return parameter !== undefined && filterNames.has(parameter.name) ? parameter.name : undefined
}

const filterNames = new Map([
  ['jid', 'JID'],
  ['domain', 'domain'],
  ['state', 'state'],
])

function showList(context: PageContext, values: object): Answer {
  const sent = sentQuery(context.request)
  const states = Object.entries(meanings).map(([name, meaning]) => ({
    name,
    meaning,
    isChosen: sent.get('state') === name,
  }))
  const fields = { jid: sent.get('jid'), domain: sent.get('domain') }
  return show('sessions', context, { title: 'Sessions', fields, states, errors: {}, ...values })
}

export function sessionDetails(view: SessionView, token: string, context: PageContext): Answer {
  const { state, origin, transport } = view
  const isAttachable = state !== 'opening' && state !== 'ended'
  // A page cannot continue the stream of a WebSocket client that logged in itself.
  const isResumable = isAttachable && !(origin === 'client' && transport === 'websocket')
  return withForm(
    show('session', context, {
      ...describeRow(view, context),
      title: 'Session',
      meaning: meanings[state],
      origin: origins[origin],
      token,
      isResumable,
      isAttachable,
    }),
  )
}

export function endQuestion(view: SessionView, token: string, context: PageContext): Answer {
  const title = 'End this session?'
  return withForm(show('end', context, { ...describeRow(view, context), title, token }))
}

export function endConfirmation(view: SessionView, context: PageContext): Answer {
  return show('end', context, { ...describeRow(view, context), title: 'The session has ended' })
}

function show(view: string, { request, config, representation, rights }: PageContext, values: object): Answer {
  const home = homePath(config.externalUrl)
  const bar = navigation(config, request.headers, 'sessions', rights.hidden)
  const about = { home, navigation: bar, path: pathForBrowsers(config), made: formatTime(Date.now()) }
  return pageAnswer(view, { ...about, ...rights, ...values }, representation === 'xhtml' ? 'xhtml' : 'html')
}

function describeRow(view: SessionView, { now, admin, rights }: PageContext) {
  const { jid, domain, transport, age, quiet, ...rest } = describeSession(view, now, admin)
  return {
    ...rest,
    who: jid ?? `(at ${domain})`,
    age: span(age),
    transport: transport ?? '–',
    quiet: quiet === undefined ? '–' : span(quiet),
    isHere: view.state !== 'elsewhere',
    isEndable: view.state !== 'elsewhere' && rights.canEnd,
  }
}

function countsOf({ states }: Numbers, sent: URLSearchParams) {
  const refresh = sent.get('refresh') ?? undefined
  return (Object.keys(meanings) as SessionState[]).map(name => ({
    name,
    count: states.get(name) ?? 0,
    href: changed(new URLSearchParams(), { state: name, refresh }),
  }))
}

function describeOverview({ own, warms: { outcomes, within }, processes }: Overview) {
  return {
    warms: { ...outcomes, p50: milliseconds(within(0.5)), p99: milliseconds(within(0.99)) },
    ...(processes === undefined
      ? { process: { memory: mebibytes(own.memory), heap: mebibytes(own.heap) } }
      : { processes: processes.map(describeProcess) }),
  }
}

function describeProcess({ name, place, isOwn, state, memory, sessions, age }: ProcessView) {
  return {
    name,
    isOwn,
    state,
    place: place ?? '–',
    memory: memory === undefined ? '–' : mebibytes(memory),
    sessions: sessions ?? '–',
    age: age === undefined ? '–' : span(Math.floor(age / 1000)),
  }
}

function sentQuery({ url }: Request): URLSearchParams {
  const sent = new URLSearchParams(url.replace(/^[^?]*/, ''))
  return new URLSearchParams([...sent].filter(([, value]) => value !== ''))
}

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

/** Rounds to two digits, which is the precision of the figures. */
function milliseconds(time: number | undefined): string {
  if (time === undefined) return '–'
  return time < 1000 ? `${Number(time.toPrecision(2))} ms` : `${Number((time / 1000).toPrecision(2))} s`
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`
