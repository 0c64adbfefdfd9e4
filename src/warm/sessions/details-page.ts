import { otherBrowser } from '../../http/access/browser-name.js'
import type { Answer } from '../../http/answers/answer.js'
import type { PastEvent, SessionDetails, SessionState, SessionView } from '../../session/session-types.js'
import { formatJid, type Jid } from '../../xmpp/jid/jid.js'
import { type OperatorContext, operatorPage } from '../admin-page.js'
import { describeSession, formatTime, withForm } from '../answers.js'

export interface PageContext extends OperatorContext {
  readonly now: number
  readonly admin: string
  readonly rights: {
    readonly canWarm: boolean
    readonly canEnd: boolean
    readonly canResume: boolean
    readonly canList: boolean
  }
}

export const meanings: Readonly<Record<SessionState, string>> = {
  opening: 'The login is not done. If the client logs in by itself, the user is not known yet.',
  waiting: 'The session waits for the first request of its page.',
  held: 'The page has a request or a WebSocket open.',
  quiet: 'The page has no request open.',
  paused: 'The page has announced a pause.',
  ended: 'The session has ended. The page gets the reason with its next request.',
  elsewhere: 'The page uses another endpoint. This service cannot show, resume or end the session.',
}

export const stateTexts: Readonly<Record<SessionState, string>> = {
  opening: 'logging in',
  waiting: 'no page yet',
  held: 'connected',
  quiet: 'page away',
  paused: 'paused',
  ended: 'ended',
  elsewhere: 'elsewhere',
}

const transportTexts = { bosh: 'BOSH', websocket: 'WebSocket' } as const

function openerOf({ origin, openedBy }: SessionView): string {
  if (origin === 'client') return 'the client'
  if (openedBy === undefined) return 'the service'
  return openedBy.isPage ? 'a page token' : openedBy.admin
}

const happenings: Readonly<Record<PastEvent['event'], string>> = {
  opened: 'Opened',
  'logged-in': 'Logged in at the XMPP server',
  attached: 'A page attached',
  paused: 'The page announced a pause',
  resumed: 'Handed to another page',
  mended: 'The link to the XMPP server was mended',
  'taken-up': 'Taken up by another process of the service',
}

/** `endedAt` is set after the end of the session. `view` is then its last view. */
export function sessionDetails(view: SessionDetails, token: string, context: PageContext, endedAt?: number): Answer {
  const { origin, transport, jid, address, browser, isMending, endsAt, counters, history = [], createdAt } = view
  const isGone = endedAt !== undefined
  const state = isGone ? 'ended' : view.state
  const user = jid?.includes('@') ? jid.split('/', 1)[0] : undefined
  const clockOfPage = Date.now() - context.now
  const timeOf = (at: number) => formatTime(clockOfPage + at)
  const past = history.map(({ event, at }) => ({ what: happenings[event], at }))
  if (isGone) past.push({ what: 'Ended', at: endedAt })
  const dayOf = (at: number) => timeOf(at).slice(0, 10)
  const day = dayOf(createdAt)
  const isOneDay = past.every(({ at }) => dayOf(at) === day)
  const isAttachable = state !== 'opening' && state !== 'ended'
  // A page cannot continue the stream of a WebSocket client.
  const isResumable = isAttachable && !(origin === 'client' && transport === 'websocket')
  const row = describeRow(view, isGone ? { ...context, now: endedAt } : context)
  return withForm(
    show('session', context, {
      ...row,
      title: `${user ?? row.who} · Session`,
      state,
      stateText: stateTexts[state],
      meaning: isGone ? 'The session has ended.' : meanings[state],
      endsIn:
        isGone || endsAt === undefined ? undefined : duration(Math.max(0, Math.ceil((endsAt - context.now) / 1000))),
      token,
      user,
      userInQuery: user && encodeURIComponent(user),
      opened: timeOf(createdAt),
      address,
      browser: browser?.replace(otherBrowser, 'not a known browser'),
      isMending,
      counters,
      dayOfAll: isOneDay ? day : undefined,
      history: past.reverse().map(({ what, at }) => ({
        what,
        when: isOneDay ? timeOf(at).slice(11) : timeOf(at),
        after: at - createdAt >= 50 ? afterward(at - createdAt) : undefined,
      })),
      isResumable,
      isAttachable,
      isGone,
    }),
  )
}

export function endQuestion(view: SessionView, token: string, context: PageContext): Answer {
  const title = 'End this session?'
  return withForm(show('end', context, { ...describeRow(view, context), title, token }))
}

export interface Selected {
  readonly jid: Jid | undefined
  readonly total: number
  readonly views: readonly SessionView[]
  readonly back: string
}

export function endManyQuestion({ jid, total, views, back }: Selected, token: string, context: PageContext): Answer {
  const user = jid && formatJid(jid)
  const count = counted(total, 'session')
  const rows = views.map(view => describeRow(view, context))
  const title = user === undefined ? `End ${count}?` : 'End all sessions of this user?'
  return withForm(show('end-sessions', context, { title, user, count, rows, back, isOne: total === 1, token }))
}

export function endConfirmation(message: string, context: PageContext): Answer {
  return show('end', context, { title: 'Sessions have ended', message })
}

export const grouped = (count: number) => count.toLocaleString('en')

export const counted = (count: number, what: string) => `${grouped(count)} ${what}${count === 1 ? '' : 's'}`

export function show(view: string, context: PageContext, values: object): Answer {
  return operatorPage(view, 'sessions', context, { ...context.rights, ...values })
}

export function describeRow(view: SessionView, { now, admin, rights }: PageContext) {
  const { jid, domain, transport, age, quiet, ...rest } = describeSession(view, now, admin)
  return {
    ...rest,
    who: jid ?? `(at ${domain})`,
    bare: jid?.split('/', 1)[0] ?? `(at ${domain})`,
    resource: jid?.includes('/') ? jid.slice(jid.indexOf('/')) : undefined,
    stateText: stateTexts[view.state],
    age: span(age),
    transport: transport && transportTexts[transport],
    // Before a page has connected, this is the age.
    quiet: quiet === undefined || view.state === 'waiting' ? undefined : span(quiet),
    isHere: view.state !== 'elsewhere',
    isEndable: view.state !== 'elsewhere' && rights.canEnd,
    by: openerOf(view),
  }
}

/** `2 min 5 s`. */
export function duration(seconds: number): string {
  const rest = seconds % 60
  if (seconds < 60 || seconds >= 3600 || rest === 0) return span(seconds)
  return `${span(seconds)} ${rest} s`
}

const afterward = (ms: number) => (ms < 10_000 ? `+${(ms / 1000).toFixed(1)} s` : `+${span(Math.floor(ms / 1000))}`)

export function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}
