import type { heldRequests } from '../browsers/bosh/connection-manager.js'
import type { Clock } from '../lib/clock.js'
import type { Counts, Tally } from '../lib/counts.js'
import { version } from '../lib/package-json.js'
import type { ServerRow } from '../servers/net/server-states.js'
import type { OtherProcesses } from '../store/other-processes.js'
import type { SessionState, Store } from '../store/store.js'

interface Census extends ReturnType<typeof heldRequests> {
  readonly states: Readonly<Record<SessionState, number>>
}

export interface Sources {
  readonly counts: Counts
  /** Undefined with one process. */
  readonly joined?:
    | {
        readonly store: Pick<Store, 'isUp'>
        readonly peers: Pick<OtherProcesses, 'others' | 'lost'> & { isUnreachable(name: string): boolean }
        readonly requests: number
        readonly unequal: number
      }
    | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly census: () => Census
  readonly open: {
    readonly links: () => number
    readonly servers: () => readonly ServerRow[]
    readonly remotes: () => number
    readonly connections: () => number
    readonly unreadBytes: () => number
    readonly waitingBytes: () => number
    readonly events: () => number
    readonly certificateExpiries: () => ReadonlyMap<string, number>
  }
}

export interface Row extends Source {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
}

interface Source {
  readonly labels: readonly string[]
  readonly read: () => readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[]
}

type RowTexts = Readonly<Record<string, readonly [help: string, source: Source | (() => number)]>>

export const rowsOf = (sources: Sources): readonly Row[] =>
  [aboutSessions, aboutPages, aboutLogins, aboutProcess].flatMap(about => toRows(about(sources)))

const aboutSessions = ({ counts, census, open }: Sources): RowTexts => ({
  build_info: ['Always 1. The labels are the versions of the service and of Node.js.', buildInfo],
  sessions: [
    'Live sessions by state. held: a request or WebSocket is open. quiet: none is open. waiting: no page has attached yet.',
    byLabel('state', () => census().states),
  ],
  session_waiting_bytes: [
    'Memory for undelivered or unacknowledged stanzas, and for incomplete stanzas of servers, in bytes.',
    open.waitingBytes,
  ],
  sessions_created_total: [
    'Sessions that were created, by origin: warmed by an API call, opened by a client, or taken up from another process.',
    byLabel('origin', () => counts.sessionsCreated),
  ],
  sessions_ended_total: ['Sessions that have ended, by reason.', byLabel('reason', () => counts.sessionsEnded)],
  refused_total: [
    'Refused sessions, calls, connections and requests, and delayed logins and data, by the limit that was reached.',
    byLabel('limit', () => counts.refused),
  ],
})

const aboutPages = ({ counts, clock, census }: Sources): RowTexts => ({
  page_received_bytes_total: [
    'Bytes from pages: bodies of BOSH requests, and WebSocket messages, without HTTP headers and frames.',
    byLabel('transport', () => ({ bosh: counts.pages.bosh.received, websocket: counts.pages.websocket.received })),
  ],
  page_sent_bytes_total: [
    'Bytes to pages: bodies of BOSH replies, and WebSocket messages, without HTTP headers and frames.',
    byLabel('transport', () => ({ bosh: counts.pages.bosh.sent, websocket: counts.pages.websocket.sent })),
  ],
  bosh_requests_total: ['Requests to the BOSH endpoint.', () => counts.requests],
  bosh_failed_requests_total: [
    'Requests to the BOSH endpoint that got an HTTP or BOSH error.',
    () => counts.failedRequests,
  ],
  bosh_held_requests: ['BOSH requests that are held.', () => census().heldRequests],
  bosh_oldest_held_request_seconds: [
    'Age of the oldest held BOSH request, in seconds.',
    () => {
      const { heldSince } = census()
      return heldSince === undefined ? 0 : (clock.now() - heldSince) / 1000
    },
  ],
  bosh_timeouts_total: [
    'BOSH requests that timed out. wait: no stanza arrived for a held request. gap: an earlier request never arrived.',
    byLabel('kind', () => ({ wait: counts.waitTimeouts, gap: counts.gapTimeouts })),
  ],
  bosh_replays_total: [
    'Repeated BOSH requests: their reply was sent again, or is still awaited.',
    () => counts.replays,
  ],
  bosh_unknown_sids_total: ['BOSH requests whose session is unknown or has ended.', () => counts.unknownSids],
  bosh_unknown_hosts_total: [
    'Sessions that were requested for a domain that is not served.',
    () => counts.unknownHosts,
  ],
  websocket_upgrades_total: [
    'Requests for a WebSocket, by outcome: opened or refused.',
    byLabel('outcome', () => counts.webSockets),
  ],
  websocket_pongs_total: ['WebSocket pings that clients answered.', () => counts.pongs.count],
  websocket_pong_seconds_total: [
    'Sum of the times from WebSocket pings to their pongs, in seconds.',
    () => counts.pongs.seconds,
  ],
})

const aboutLogins = ({ counts, open }: Sources): RowTexts => ({
  warm_reuses_total: ['Warm calls that resumed a session.', () => counts.reuses],
  admin_login_failures_total: [
    'Calls with a wrong admin name or secret, and calls that were rejected after too many of them.',
    () => counts.failedAdminLogins,
  ],
  client_logins_total: [
    'Logins by clients that the XMPP server refused, or that this service delayed after refusals.',
    byLabel('outcome', () => counts.clientLogins),
  ],
  c2s_links: ['Open streams to XMPP servers.', open.links],
  xmpp_server_up: [
    'Whether an XMPP server is up (1) or down (0). Down: the last connection failed.',
    { labels: ['domain', 'server'], read: () => open.servers().map(({ labels, isUp }) => [labels, Number(isUp)]) },
  ],
  c2s_failures_total: [
    'Streams to XMPP servers that failed before the login ended, by step and code.',
    byFailure(counts.linkFailures),
  ],
  unfit_stanzas_total: [
    'Stanzas of XMPP servers that no page could read. All are dropped.',
    byLabel('fate', () => counts.unfitStanzas),
  ],
  remote_sessions: ['Sessions with open requests at remote BOSH endpoints.', open.remotes],
  remote_failures_total: [
    'Requests to remote BOSH endpoints that failed, by step and code.',
    byFailure(counts.remoteFailures),
  ],
})

const aboutProcess = ({ counts, joined, open }: Sources): RowTexts => ({
  events_total: [
    'Events for the portal, by type and outcome. sent: the portal accepted it. failed: an attempt failed. dropped: given up.',
    byOutcome(counts.events),
  ],
  events_waiting: ['Events that wait to be sent to the portal.', open.events],
  http_connections: ['Open connections of clients.', open.connections],
  http_unread_bytes: ['Memory for replies that clients have not read yet, in bytes.', open.unreadBytes],
  tls_certificate_not_after_seconds: [
    'Time when a certificate expires, in seconds since 1970. Label: a file of TLS_CERT, or xmpp:DOMAIN for an XMPP server.',
    {
      labels: ['certificate'],
      read: () => [...open.certificateExpiries()].map(([certificate, at]) => [{ certificate }, at]),
    },
  ],
  accounts_total: [
    'Users whose account was asked for before their first login, by outcome. known: it was there.',
    byLabel('outcome', () => counts.accounts),
  ],
  processes: [
    'Other processes of the service that this process knows, by state. silent: its entry in the store has expired. unreachable: no connection to it opened.',
    byLabel('state', () => processStates(joined)),
  ],
  processes_with_other_settings: [
    'Other processes of the service whose settings differ from those of this process. The log names the settings.',
    () => joined?.unequal ?? 0,
  ],
  store_up: [
    'Whether the store that the processes share (Redis) answers (1) or not (0). Always 1 for a single process.',
    () => Number(joined?.store.isUp ?? true),
  ],
  forwarded_requests: [
    'Requests, WebSockets and calls that this process has sent to other processes, and that are under way.',
    () => joined?.requests ?? 0,
  ],
  counted_alone_total: [
    'Calls and sessions that this process checked against its own count, because the store did not answer.',
    () => counts.countedAlone,
  ],
  log_lines_lost_total: [
    'Lines of the log and the audit trail that were lost because their reader was too slow or the disk was full.',
    byLabel('stream', () => counts.linesLost),
  ],
  faults_total: ['Unexpected errors (bugs) of this service. The log has the details.', () => counts.faults],
})

export function toRows(texts: RowTexts): readonly Row[] {
  return Object.entries(texts).map(([name, [help, source]]) => {
    const from = typeof source === 'object' ? source : { labels: [], read: () => [[{}, source()] as const] }
    return { name, type: name.endsWith('_total') ? 'counter' : 'gauge', help, ...from }
  })
}

const buildInfo: Source = { labels: ['version', 'node'], read: () => [[{ version, node: process.version }, 1]] }

function processStates(joined: Sources['joined']) {
  const states = { live: 0, draining: 0, silent: 0, unreachable: 0 }
  if (joined === undefined) return states
  const { peers } = joined
  states.silent = peers.lost.length
  for (const { name, isDraining } of peers.others) {
    if (peers.isUnreachable(name)) states.unreachable += 1
    else states[isDraining ? 'draining' : 'live'] += 1
  }
  return states
}

function byLabel(label: string, values: () => Readonly<Record<string, number>>): Source {
  const read = () => Object.entries(values()).map(([value, count]) => [{ [label]: value }, count] as const)
  return { labels: [label], read }
}

function byFailure(tally: Tally): Source {
  const read = () => [...tally].map(([[step, code], count]) => [{ step: step!, code: code! }, count] as const)
  return { labels: ['step', 'code'], read }
}

function byOutcome(events: Counts['events']): Source {
  const read = () =>
    Object.entries(events).flatMap(([type, outcomes]) =>
      Object.entries(outcomes).map(([outcome, count]) => [{ type, outcome }, count] as const),
    )
  return { labels: ['type', 'outcome'], read }
}
