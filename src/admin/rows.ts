import type { Counts, Tally } from '../counts.js'
import type { Clock } from '../lib/clock.js'
import type { Census } from '../session/sessions.js'

/** What the metrics are made of. */
export interface Sources {
  readonly counts: Counts
  readonly clock: Pick<Clock, 'now'>
  /** Counts the sessions. */
  readonly census: () => Census
  /** What is open in this moment. */
  readonly open: {
    /** Streams to XMPP servers. */
    readonly links: () => number
    /** Sessions at BOSH endpoints of others. */
    readonly remotes: () => number
    /** Connections of clients. */
    readonly connections: () => number
  }
}

/** Numbers by their labels; one without labels stands alone. */
export type Reading = number | readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[]

/** A metric, without the prefix that all of them have. */
export interface Row {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly labels: readonly string[]
  readonly read: () => Reading
}

/** Where a metric comes from: a number, or several by their labels. */
type Source = (() => number) | Pick<Row, 'read' | 'labels'>

/**
 * What is to be known of a service. Labels have words of our own tables only, never what a caller or a server said. Those
 * that can be listed are there from the start: a rate begins at nought.
 */
export function rowsOf({ counts, clock, census, open }: Sources): readonly Row[] {
  return [
    gauge(
      'sessions',
      'Live sessions by state: held while a request is open, quiet while none is.',
      byLabel('state', () => census().states),
    ),
    counter(
      'sessions_created_total',
      'Sessions that were begun, warmed by the API or by a client itself.',
      byLabel('origin', () => counts.sessionsCreated),
    ),
    counter(
      'sessions_ended_total',
      'Sessions that have ended, by the reason.',
      byLabel('reason', () => counts.sessionsEnded),
    ),
    counter(
      'sessions_refused_total',
      'Sessions that were not opened, by what there was too much of.',
      byLabel('reason', () => counts.sessionsRefused),
    ),
    counter('bosh_requests_total', 'Requests to the BOSH endpoint.', () => counts.requests),
    counter(
      'bosh_failed_requests_total',
      'Requests to the BOSH endpoint that were answered with an error of HTTP or BOSH.',
      () => counts.failedRequests,
    ),
    counter(
      'bosh_refused_bodies_total',
      'Requests to the BOSH endpoint that came in parts when there was no room for more of these.',
      () => counts.bodiesRefused,
    ),
    counter(
      'bosh_received_bytes_total',
      'Bytes in the bodies of requests to the BOSH endpoint.',
      () => counts.bytesReceived,
    ),
    counter('bosh_sent_bytes_total', 'Bytes in the bodies of its replies.', () => counts.bytesSent),
    gauge('bosh_held_requests', 'Requests of browsers that are held.', () => census().heldRequests),
    gauge('bosh_oldest_held_request_seconds', 'For how long the oldest of them is held.', () => {
      const { heldSince } = census()
      return heldSince === undefined ? 0 : (clock.now() - heldSince) / 1000
    }),
    counter(
      'bosh_timeouts_total',
      'Requests held for as long as they may be (wait), or given up for one before them that never came (gap).',
      byLabel('kind', () => ({ wait: counts.waitTimeouts, gap: counts.gapTimeouts })),
    ),
    counter(
      'bosh_replays_total',
      'Replies that were given once more, to a request that was sent again.',
      () => counts.replays,
    ),
    counter(
      'bosh_refused_repeats_total',
      'Requests sent again too often, too late or by another client; each ends its session.',
      () => counts.repeatsRefused,
    ),
    counter(
      'bosh_unknown_sids_total',
      'Requests of a session that there is not, or not any more.',
      () => counts.unknownSids,
    ),
    counter(
      'bosh_unknown_hosts_total',
      'Requests for a session at a domain that is not served.',
      () => counts.unknownHosts,
    ),
    counter('warm_reuses_total', 'Warm calls that took up a session which was there.', () => counts.reuses),
    counter(
      'admin_login_failures_total',
      'Calls with a wrong name or secret of an admin, or after too many of these.',
      () => counts.failedAdminLogins,
    ),
    gauge('c2s_links', 'Streams to XMPP servers that are open.', open.links),
    counter(
      'c2s_failures_total',
      'Streams to XMPP servers that failed before their user was logged in, by step and code.',
      byFailure(counts.linkFailures),
    ),
    counter(
      'unfit_stanzas_total',
      'Stanzas of servers that could not be passed on as they were: mended where only a prefix was not declared, or dropped.',
      byLabel('fate', () => counts.unfitStanzas),
    ),
    gauge('remote_sessions', 'Sessions that have something open at BOSH endpoints of others.', open.remotes),
    counter(
      'remote_failures_total',
      'Requests to BOSH endpoints of others that came to nothing, by step and code.',
      byFailure(counts.remoteFailures),
    ),
    gauge('http_connections', 'Connections of clients that are open.', open.connections),
    counter(
      'faults_total',
      'Faults of this service that were not foreseen; the log has where.',
      () => counts.faults,
    ),
  ]
}

const rowOf =
  (type: Row['type']) =>
  (name: string, help: string, source: Source): Row => {
    const { labels, read } = typeof source === 'function' ? { labels: [], read: source } : source
    return { name, type, help, labels, read }
  }
const counter = rowOf('counter')
const gauge = rowOf('gauge')

function byLabel(label: string, values: () => Readonly<Record<string, number>>): Source {
  const read = () => Object.entries(values()).map(([value, count]) => [{ [label]: value }, count] as const)
  return { labels: [label], read }
}

function byFailure(tally: Tally): Source {
  const read = () => [...tally].map(([[step, code], count]) => [{ step: step!, code: code! }, count] as const)
  return { labels: ['step', 'code'], read }
}
