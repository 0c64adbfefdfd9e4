import type { heldRequests } from '../browsers/bosh/bosh-client.js'
import type { Clock } from '../lib/clock.js'
import { type Counts, type Limit, sessionLimits, type Tally } from '../lib/counts.js'
import { version } from '../lib/package-json.js'
import type { Node, Nodes } from '../processes/nodes.js'
import type { LocalPorts } from '../servers/net/local-ports.js'
import type { ServerRow } from '../servers/net/server-states.js'
import type { SessionState } from '../session/session-types.js'

export interface Census extends ReturnType<typeof heldRequests> {
  readonly states: Readonly<Record<SessionState, number>>
}

export interface Sources {
  readonly counts: Counts
  readonly nodes?: Pick<Nodes, 'others' | 'lost' | 'areUp' | 'exchanges'> | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly census: () => Census
  readonly open: {
    readonly links: () => number
    readonly localPorts: () => LocalPorts['busiest']
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

/** Two metrics have labels from the settings. Other labels are words of tables in the code, present from the start. */
export function rowsOf({ counts, clock, nodes, census, open }: Sources): readonly Row[] {
  const rows: Readonly<Record<string, readonly [help: string, source: Source | (() => number)]>> = {
    build_info: ['Always 1, with the versions of the service and of Node.js.', buildInfo],
    sessions: [
      'Live sessions by state: held while a request is open, quiet while none is.',
      byLabel('state', () => census().states),
    ],
    session_waiting_bytes: [
      'Memory of stanzas that clients may not have received yet, and of unfinished ones, in bytes.',
      open.waitingBytes,
    ],
    sessions_created_total: [
      'Sessions that were begun, warmed by the API or by a client itself.',
      byLabel('origin', () => counts.sessionsCreated),
    ],
    sessions_ended_total: ['Sessions that have ended, by the reason.', byLabel('reason', () => counts.sessionsEnded)],
    sessions_refused_total: [
      'Sessions that were not opened, by what there was too much of.',
      byLabel('reason', () => refusedSessions(counts)),
    ],
    refused_total: [
      'Sessions, calls, connections and requests that were refused, and logins and data that were delayed, by the limit that was reached.',
      byLabel('limit', () => counts.refused),
    ],
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
      'Requests to the BOSH endpoint that were answered with an error of HTTP or BOSH.',
      () => counts.failedRequests,
    ],
    bosh_refused_bodies_total: [
      'Requests to the BOSH endpoint that came in parts, or ahead of their turn, when there was no room for more of these.',
      () => counts.bodiesRefused,
    ],
    bosh_held_requests: ['Requests of browsers that are held.', () => census().heldRequests],
    bosh_oldest_held_request_seconds: [
      'For how long the oldest of them is held.',
      () => {
        const { heldSince } = census()
        return heldSince === undefined ? 0 : (clock.now() - heldSince) / 1000
      },
    ],
    bosh_timeouts_total: [
      'Requests held for as long as they may be (wait), or given up for one before them that never came (gap).',
      byLabel('kind', () => ({ wait: counts.waitTimeouts, gap: counts.gapTimeouts })),
    ],
    bosh_replays_total: ['Replies that were given once more, to a request that was sent again.', () => counts.replays],
    bosh_refused_repeats_total: [
      'Requests sent again too often, too late or by another client; each ends its session.',
      () => counts.repeatsRefused,
    ],
    bosh_unknown_sids_total: ['Requests of a session that there is not, or not any more.', () => counts.unknownSids],
    bosh_unknown_hosts_total: ['Requests for a session at a domain that is not served.', () => counts.unknownHosts],
    websocket_upgrades_total: [
      'Requests for a WebSocket, by what came of them: opened or refused.',
      byLabel('outcome', () => counts.webSockets),
    ],
    websocket_pongs_total: ['Pings over WebSocket that were answered.', () => counts.pongs.count],
    websocket_pong_seconds_total: ['Time that these answers took, all together.', () => counts.pongs.seconds],
    warm_reuses_total: ['Warm calls that resumed a session.', () => counts.reuses],
    admin_login_failures_total: [
      'Calls with a wrong name or secret of an admin, or after too many of these.',
      () => counts.failedAdminLogins,
    ],
    client_logins_total: [
      'Logins of clients themselves that their server refused, or that were delayed after earlier refusals.',
      byLabel('outcome', () => counts.clientLogins),
    ],
    c2s_links: ['Streams to XMPP servers that are open.', open.links],
    xmpp_server_up: [
      'Whether an XMPP server can be reached (1) or not (0): the last connection to it was made, refused or lost with many others.',
      { labels: ['domain', 'server'], read: () => open.servers().map(({ labels, isUp }) => [labels, Number(isUp)]) },
    ],
    local_ports_used: [
      'Links to the XMPP server that has the most, or from XMPP_LOCAL_ADDRESSES; each takes a local port.',
      ofLinux(() => open.localPorts()?.used),
    ],
    local_ports_available: [
      'Local ports for these links, by the port range of the system and the number of local addresses.',
      ofLinux(() => open.localPorts()?.available),
    ],
    c2s_failures_total: [
      'Streams to XMPP servers that failed before their user was logged in, by step and code.',
      byFailure(counts.linkFailures),
    ],
    unfit_stanzas_total: [
      'Stanzas of servers that would break pages: mended if a namespace is enough (undeclared prefixes, stream errors inside), or dropped.',
      byLabel('fate', () => counts.unfitStanzas),
    ],
    remote_sessions: ['Sessions that have something open at BOSH endpoints of others.', open.remotes],
    remote_failures_total: [
      'Requests to BOSH endpoints of others that came to nothing, by step and code.',
      byFailure(counts.remoteFailures),
    ],
    events_total: [
      'Events for a portal, by type and outcome: sent, dropped, or an attempt that failed.',
      byOutcome(counts.events),
    ],
    events_waiting: ['Events that the portal has not taken yet.', open.events],
    http_connections: ['Connections of clients that are open.', open.connections],
    http_unread_bytes: [
      'Bytes of replies that their clients have not read yet, or that wait behind others.',
      open.unreadBytes,
    ],
    tls_certificate_not_after_seconds: [
      'When a certificate expires, in seconds since 1970: by the file of TLS_CERT, by xmpp:DOMAIN for XMPP servers, or nats.',
      {
        labels: ['certificate'],
        read: () => [...open.certificateExpiries()].map(([certificate, at]) => [{ certificate }, at]),
      },
    ],
    nodes: [
      'Other processes of the service, as this one sees them: live, silent for some seconds, or draining.',
      byLabel('state', () => nodeStates(nodes?.others ?? [], nodes?.lost.length ?? 0)),
    ],
    carriers_up: [
      'Whether all that carries between processes does so at the moment; 1 where this is the only one.',
      () => Number(nodes?.areUp ?? true),
    ],
    node_exchanges: [
      'Requests, WebSockets and questions that are on their way between this process and others, either way.',
      () => nodes?.exchanges ?? 0,
    ],
    unanswered_questions_total: [
      'Questions to other processes that had no answer, by the reason: the process was gone, the connection broken, or it was late.',
      byLabel('reason', () => counts.unanswered),
    ],
    counted_alone_total: [
      'Calls and sessions that this process counted alone for a limit: the process that counts them for all did not answer.',
      () => counts.countedAlone,
    ],
    log_lines_lost_total: [
      'Lines of the log and of the audit trail that were lost, because their reader was too slow.',
      byLabel('stream', () => counts.linesLost),
    ],
    faults_total: ['Faults of this service that were not foreseen; the log has where.', () => counts.faults],
  }
  return Object.entries(rows).map(([name, [help, source]]) => {
    const from = typeof source === 'object' ? source : { labels: [], read: () => [[{}, source()] as const] }
    return { name, type: name.endsWith('_total') ? 'counter' : 'gauge', help, ...from }
  })
}

const buildInfo: Source = {
  labels: ['version', 'node'],
  read: () => [[{ version, node: process.version }, 1]],
}

function nodeStates(others: readonly Node[], lost: number) {
  const states = { live: 0, silent: lost, draining: 0 }
  for (const { isSilent, isDraining } of others) states[isSilent ? 'silent' : isDraining ? 'draining' : 'live'] += 1
  return states
}

function refusedSessions({ refused }: Counts) {
  return Object.fromEntries(Object.keys(sessionLimits).map(limit => [limit, refused[limit as Limit]]))
}

function ofLinux(value: () => number | undefined): Source {
  const read = () => [value()].flatMap(known => (known === undefined ? [] : [[{}, known] as const]))
  return { labels: [], read }
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
