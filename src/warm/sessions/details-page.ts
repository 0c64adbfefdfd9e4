import { otherBrowser } from '../../http/access/browser-name.js'
import type { Answer } from '../../http/answers/answer.js'
import type { PastEvent, SessionDetails, SessionView } from '../../session/session-types.js'
import { formatJid, type Jid } from '../../xmpp/jid/jid.js'
import { type AdminPageContext, adminPage } from '../admin-page.js'
import { describeSession, formatTime, withForm } from '../answers.js'
import { countedSessions, duration, meanings, span, stateTexts } from '../page-texts.js'

export interface SessionPageContext extends AdminPageContext {
  readonly now: number
  readonly admin: string
  readonly rights: {
    readonly canWarm: boolean
    readonly canEnd: boolean
    readonly canResume: boolean
    readonly canList: boolean
  }
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

export function sessionDetails(view: SessionDetails, token: string, context: SessionPageContext): Answer {
  const { origin, transport, state, jid, address, browser, isMending, endsAt, counters, history = [], createdAt } = view
  const user = jid?.includes('@') ? jid.split('/', 1)[0] : undefined
  const clockOfPage = Date.now() - context.now
  const timeOf = (at: number) => formatTime(clockOfPage + at)
  const past = history.map(({ event, at }) => ({ what: happenings[event], at }))
  const dayOf = (at: number) => timeOf(at).slice(0, 10)
  const day = dayOf(createdAt)
  const isOneDay = past.every(({ at }) => dayOf(at) === day)
  const isAttachable = state !== 'opening' && state !== 'ended'
  // A page cannot continue the stream of a WebSocket client.
  const isResumable = isAttachable && !(origin === 'client' && transport === 'websocket')
  const row = describeRow(view, context)
  return withForm(
    show('session', context, {
      ...row,
      title: `${user ?? row.who} · Session`,
      stateText: stateTexts[state],
      meaning: meanings[state],
      endsIn: endsAt === undefined ? undefined : duration(Math.max(0, Math.ceil((endsAt - context.now) / 1000))),
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
    }),
  )
}

export function endQuestion(view: SessionView, token: string, context: SessionPageContext): Answer {
  const title = 'End this session?'
  return withForm(show('end', context, { ...describeRow(view, context), title, token }))
}

export interface Selected {
  readonly jid: Jid | undefined
  readonly total: number
  readonly views: readonly SessionView[]
  readonly back: string
}

export function endManyQuestion(
  { jid, total, views, back }: Selected,
  token: string,
  context: SessionPageContext,
): Answer {
  const user = jid && formatJid(jid)
  const count = countedSessions(total)
  const rows = views.map(view => describeRow(view, context))
  const title = user === undefined ? `End ${count}?` : 'End all sessions of this user?'
  return withForm(show('end-sessions', context, { title, user, count, rows, back, isOne: total === 1, token }))
}

export function endConfirmation(message: string, context: SessionPageContext): Answer {
  return show('end', context, { title: 'Sessions have ended', message })
}

export function show(view: string, context: SessionPageContext, values: object): Answer {
  return adminPage(view, 'sessions', context, { ...context.rights, ...values })
}

export function describeRow(view: SessionView, { now, admin, rights }: SessionPageContext) {
  const { jid, domain, transport, age, quiet, ...rest } = describeSession(view, now, admin)
  return {
    ...rest,
    who: jid ?? `(at ${domain})`,
    bare: jid?.split('/', 1)[0] ?? `(at ${domain})`,
    resource: jid?.includes('/') ? jid.slice(jid.indexOf('/')) : undefined,
    stateText: stateTexts[view.state],
    age: span(age),
    transport: transport && transportTexts[transport],
    // A waiting session has no page that could be quiet.
    quiet: quiet === undefined || view.state === 'waiting' ? undefined : span(quiet),
    isHere: view.state !== 'elsewhere',
    isEndable: view.state !== 'elsewhere' && rights.canEnd,
    by: openerOf(view),
  }
}

const afterward = (ms: number) => (ms < 10_000 ? `+${(ms / 1000).toFixed(1)} s` : `+${span(Math.floor(ms / 1000))}`)
