// Labels of metrics must not contain text of callers, because an attacker could create any number of labels.
import { Histogram } from 'prom-client'

/** Reasons for the end of a WebSocket whose client sent no `<close/>`. */
const webSocketCuts = [
  'connection-closed',
  'socket-broken',
  'no-pong',
  'idle-timeout',
  'message-too-long',
  'too-many-fragments',
  /** The frame is binary, or violates RFC 6455. */
  'bad-frame',
  'not-read',
  /** No memory for fragments. */
  'no-room',
  'process-lost',
] as const

export type WebSocketCut = (typeof webSocketCuts)[number]

export const endReasons = [
  'client',
  'inactivity',
  'attach-timeout',
  /** An admin or backend ended the session. */
  'logout',
  /** The caller of `/warm` or `/connect` hung up after the login. */
  'unclaimed',
  ...webSocketCuts,
  /** The login failed or was cancelled, or the call only checked credentials. */
  'login',
  /** The XMPP server gave the resource to another client. */
  'replaced',
  'stream-error',
  'connection-lost',
  'bad-request',
  'item-not-found',
  'policy-violation',
  'login-timeout',
  /** The server refused too many logins on this stream. */
  'refused-logins',
  'limit',
  'shutdown',
  /** The next process continues the session. */
  'set-down',
  'fault',
] as const

export type EndReason = (typeof endReasons)[number]

export const eventTypes = ['session.attached', 'session.resumed', 'session.ended'] as const

export type EventType = (typeof eventTypes)[number]

export const sessionLimits = {
  sessions: 'MAX_SESSIONS',
  strangers: 'MAX_SESSIONS',
  memory: 'MAX_MEMORY_MB',
  descriptors: 'LimitNOFILE',
  held: 'MAX_SESSIONS',
  address: 'MAX_SESSIONS_PER_ADDRESS',
  unauthenticated: 'MAX_UNAUTHENTICATED_PER_ADDRESS',
  rate: 'RATE_SESSIONS_PER_ADDRESS',
} as const

export const limits = {
  ...sessionLimits,
  user: 'MAX_SESSIONS_PER_JID',
  guests: 'MAX_GUESTS',
  'guests-address': 'RATE_GUESTS',
  'warms-user': 'RATE_WARMS_PER_JID',
  'failed-logins': 'RATE_FAILED_LOGINS',
  /** Logins are delayed, not refused. */
  'logins-address': 'RATE_LOGINS_PER_ADDRESS',
  connections: 'MAX_CONNECTIONS',
  'connections-address': 'MAX_CONNECTIONS_PER_ADDRESS',
  'proxy-header': 'PROXY_PROTOCOL',
  unfinished: 'MAX_UNFINISHED_MB',
  unread: 'MAX_UNREAD_MB',
  waiting: 'MAX_MEMORY_MB',
  'session-bytes': 'RATE_SESSION_BYTES',
  stanza: 'MAX_STANZA_BYTES',
  'local-ports': 'net.ipv4.ip_local_port_range',
  /** `undefined`: no setting changes this limit. */
  'unread-reply': undefined,
  'requests-ahead': undefined,
  fragments: undefined,
  unsent: undefined,
  hashes: undefined,
  lookups: undefined,
  'wrong-tokens': undefined,
  accounts: undefined,
} as const

export type Limit = keyof typeof limits

export const limitDetail = (limit: Limit): string => `Limit: ${limits[limit]}.`

export class Tally {
  readonly #counts = new Map<string, number>()

  add(...words: readonly string[]): void {
    const name = words.join(' ')
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  *[Symbol.iterator](): Iterator<[words: string[], count: number]> {
    for (const [name, count] of this.#counts) yield [name.split(' '), count]
  }
}

class PageTraffic {
  received = 0
  sent = 0
}

export class Counts {
  requests = 0
  failedRequests = 0
  unknownSids = 0
  unknownHosts = 0
  /** XEP-0124 §14.3. */
  replays = 0
  waitTimeouts = 0
  gapTimeouts = 0
  readonly deliveries = new Histogram({
    name: 'warm_bindings_stanza_delivery_seconds',
    help: 'Time from reading a stanza of an XMPP server to writing it to the page, for the first stanza of each delivery. It includes the wait for a page without an open request or connection.',
    labelNames: ['transport'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [],
  })
  readonly pages = { bosh: new PageTraffic(), websocket: new PageTraffic() }
  readonly webSockets = { opened: 0, refused: 0 }
  readonly pongs = { count: 0, seconds: 0 }
  readonly sessionsCreated = { warmed: 0, client: 0, 'taken-up': 0 }
  readonly refused = Object.fromEntries(Object.keys(limits).map(limit => [limit, 0])) as Record<Limit, number>
  readonly sessionsEnded = Object.fromEntries(endReasons.map(reason => [reason, 0])) as Record<EndReason, number>
  reuses = 0
  failedAdminLogins = 0
  clientsLoggedIn = 0
  readonly clientLogins = { refused: 0, delayed: 0 }
  /** Made before the first login of their users. `known`: they were there. */
  readonly accounts = { made: 0, known: 0, failed: 0 }
  readonly linkFailures = new Tally()
  readonly remoteFailures = new Tally()
  readonly unfitStanzas = { dropped: 0 }
  readonly events = Object.fromEntries(eventTypes.map(type => [type, { sent: 0, failed: 0, dropped: 0 }])) as Record<
    EventType,
    Record<'sent' | 'failed' | 'dropped', number>
  >
  countedAlone = 0
  readonly linesLost = { log: 0, audit: 0 }
  faults = 0
}
