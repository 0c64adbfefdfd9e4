import type { Admin, Config } from '../../config/config.js'
import { otherBrowser } from '../../http/access/browser-name.js'
import { problemAnswer } from '../../http/answers/answer.js'
import { navigation } from '../../http/answers/navigation.js'
import { Problem } from '../../lib/errors.js'
import type { PastEvent } from '../../session/session-history.js'
import type { SessionDetails } from '../../session/session-types.js'
import type { StoredSession } from '../../store/store.js'
import type { PageCall } from '../admin-page.js'
import { describeSession, formatTime, pathForBrowsers } from '../answers.js'
import { hiddenFrom, roleAllows } from '../calls.js'
import type { AuditLine } from '../numbers/recent-audit.js'
import { duration, meanings, span, stateTexts, transportTexts } from '../page-texts.js'

export interface Viewer {
  readonly now: number
  readonly admin: Admin
}

function openerOf({ origin, admin, isPage }: StoredSession): string {
  if (origin === 'client') return 'the client'
  return isPage ? 'a page token' : (admin ?? 'the service')
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

export function sessionDetails(view: SessionDetails, token: string, viewer: Viewer) {
  const { origin, transport, state, jid, isMending, endsAt, counters, history = [], openedAt } = view
  const user = jid?.includes('@') ? jid.split('/', 1)[0] : undefined
  const clockOfPage = Date.now() - viewer.now
  const timeOf = (at: number) => formatTime(clockOfPage + at)
  const dayOf = (at: number) => timeOf(at).slice(0, 10)
  const day = dayOf(openedAt)
  const isOneDay = history.every(({ at }) => dayOf(at) === day)
  const isAttachable = state !== 'opening' && state !== 'ended'
  // A page cannot continue the stream of a WebSocket client.
  const isResumable = isAttachable && !(origin === 'client' && transport === 'websocket')
  const row = describeRow(view, viewer)
  return {
    ...row,
    title: `${user ?? row.who} · Session`,
    stateText: stateTexts[state],
    meaning: meanings[state],
    endsIn: endsAt === undefined ? undefined : duration(Math.max(0, Math.ceil((endsAt - viewer.now) / 1000))),
    token,
    user,
    userInQuery: user && encodeURIComponent(user),
    opened: timeOf(openedAt),
    address: view.clientAddress,
    browser: view.browser?.replace(otherBrowser, 'not a known browser'),
    isMending,
    counters,
    dayOfAll: isOneDay ? day : undefined,
    history: history.toReversed().map(({ event, at }) => ({
      what: happenings[event],
      when: isOneDay ? timeOf(at).slice(11) : timeOf(at),
      after: at - openedAt >= 50 ? afterward(at - openedAt) : undefined,
    })),
    isResumable,
    isAttachable,
  }
}

export function describeRow(view: StoredSession, { now, admin }: Viewer) {
  const { jid, domain, transport, age, quiet, ...rest } = describeSession(view, now, admin.name)
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
    isEndable: view.state !== 'elsewhere' && roleAllows(admin, 'logout'),
    by: openerOf(view),
  }
}

const afterward = (ms: number) => (ms < 10_000 ? `+${(ms / 1000).toFixed(1)} s` : `+${span(Math.floor(ms / 1000))}`)

const deeds: Readonly<Record<string, string>> = { logout: 'ended it', resume: 'handed it to another page' }

/** `lines`: the audit lines of the session, newest first. */
export function pastSession(lines: readonly AuditLine[], { request, representation, admin }: PageCall, config: Config) {
  const told = lines.toReversed().map(({ time, action, admin }) => {
    const deed = deeds[action] ?? 'logged the user in'
    return `${action === 'connect' ? 'A page' : (admin ?? 'The client')} ${deed} at ${formatTime(time)}.`
  })
  // The JID is only in the link, because a malicious server could choose one that misleads readers of the sentences.
  const user = lines.find(({ jids }) => jids.length > 0)?.jids[0]
  const query = user === undefined ? '' : `?${new URLSearchParams({ jid: user })}`
  return problemAnswer(new Problem('session-not-found', { detail: told.join(' ') }), representation, {
    headline: 'This session has ended',
    requestId: request.res!.get('X-Request-Id'),
    navigation: navigation(config, request.headers, 'sessions', hiddenFrom(admin)),
    back: {
      href: `${pathForBrowsers(config)}/audit${query}`,
      text: user === undefined ? 'Audit' : 'Audit of this user',
    },
  })
}
