// What has happened since the service started, in numbers that cost nothing to keep: serving a request adds to a field, and
// metrics are made of the fields when they are asked for. No name here comes from a caller.

/** Why a WebSocket ended whose client had not closed its stream. */
export const webSocketCuts = [
  /** The client closed the WebSocket or the connection. */
  'connection-closed',
  /** The connection broke. */
  'socket-broken',
  /** A ping was not answered in time. */
  'no-pong',
  /** The client sent no frame for longer than it may. */
  'idle-timeout',
  'message-too-long',
  'too-many-fragments',
  /** A frame that the specification does not allow, or a binary one. */
  'bad-frame',
  /** The client did not read what was sent. */
  'not-read',
  /** There was no room for messages that come in parts. */
  'no-room',
  /** The WebSocket was at another process, and that process or the connection to it is gone. */
  'process-lost',
] as const

export type WebSocketCut = (typeof webSocketCuts)[number]

/** Why sessions end. */
export const endReasons = [
  /** Its client ended it. */
  'client',
  /** Its client was silent for longer than was agreed. */
  'inactivity',
  /** No browser came for what was warmed. */
  'attach-timeout',
  /** An admin ended it. */
  'logout',
  /** The caller that had it warmed hung up before the answer. */
  'unclaimed',
  /** The WebSocket of its client ended without `<close/>`. A page may come back before its session ends. */
  ...webSocketCuts,
  /** It never got beyond its login, which failed or was made to check credentials only. */
  'login',
  /** The XMPP server gave its resource to another client. */
  'replaced',
  /** The XMPP server ended the stream with another error. */
  'stream-error',
  /** The XMPP server could not be reached, or hung up. */
  'connection-lost',
  /** Its client broke the rules; these three are what it was told. */
  'bad-request',
  'item-not-found',
  'policy-violation',
  /** Its client did not log in in time. */
  'login-timeout',
  /** Its server has refused as many logins as one stream may try. */
  'refused-logins',
  /** Its user had too many sessions, its address too many without a user, or the memory for stanzas that wait for clients was full. */
  'limit',
  /** The service stopped. */
  'shutdown',
  /** It failed at something that was not foreseen. */
  'fault',
] as const

export type EndReason = (typeof endReasons)[number]

/** What a portal's backend is told of a session that the warm API has given to a page. */
export const eventTypes = ['session.attached', 'session.resumed', 'session.ended'] as const

export type EventType = (typeof eventTypes)[number]

/** Limits that refuse new sessions, each with the setting that raises it. */
export const sessionLimits = {
  sessions: 'MAX_SESSIONS',
  /** Sessions that no user has logged in to: a part of the same. */
  strangers: 'MAX_SESSIONS',
  memory: 'MAX_MEMORY_MB',
  descriptors: 'LimitNOFILE',
  held: 'MAX_HELD_REQUESTS',
  address: 'MAX_SESSIONS_PER_ADDRESS',
  unauthenticated: 'MAX_UNAUTHENTICATED_PER_ADDRESS',
  rate: 'RATE_SESSIONS_PER_ADDRESS',
} as const

/** All limits that refuse something. */
export const limits = {
  ...sessionLimits,
  user: 'MAX_SESSIONS_PER_JID',
  'warms-user': 'RATE_WARMS_PER_JID',
  'warms-admin': 'RATE_WARMS_PER_ADMIN',
  'failed-logins': 'RATE_FAILED_LOGINS',
  /** Makes logins wait, and refuses none. */
  'logins-address': 'RATE_LOGINS_PER_ADDRESS',
  connections: 'MAX_CONNECTIONS',
  'connections-address': 'MAX_CONNECTIONS_PER_ADDRESS',
  unfinished: 'MAX_UNFINISHED_MB',
  unread: 'MAX_UNREAD_MB',
  /** Stanzas of servers that clients may not have received yet. */
  waiting: 'MAX_MEMORY_MB',
  /** These two have no setting: replies not read for a minute, and requests that wait for earlier replies. */
  'unread-reply': undefined,
  'requests-ahead': undefined,
  /** Ends the session of a client that exceeds it. */
  stanza: 'MAX_STANZA_BYTES',
} as const

export type Limit = keyof typeof limits

/** How often each of a few things happened; what names them are words of our own tables. */
export class Tally {
  readonly #counts = new Map<string, number>()

  add(...words: readonly string[]): void {
    const name = words.join(' ')
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  /** Each thing, by its words, and how often it happened. */
  *[Symbol.iterator](): Iterator<[words: string[], count: number]> {
    for (const [name, count] of this.#counts) yield [name.split(' '), count]
  }
}

/** The counts of one service. */
export class Counts {
  /** Requests to the BOSH endpoint, whatever became of them. */
  requests = 0
  /** Those that were answered with an error of HTTP or of BOSH. */
  failedRequests = 0
  /** Requests that were refused for want of room for their bodies, unfinished or ahead of their turn. */
  bodiesRefused = 0
  /** In their bodies. */
  bytesReceived = 0
  /** In the bodies of the replies. */
  bytesSent = 0
  /** Requests of a session that there is not, or not any more. */
  unknownSids = 0
  /** Requests for a session at a domain that is not served. */
  unknownHosts = 0
  /** Replies that were given once more. */
  replays = 0
  /** Repetitions that were no repetition of the client's, or one too many. */
  repeatsRefused = 0
  /** Requests that were held for as long as they may be. */
  waitTimeouts = 0
  /** Requests that were given up for the one before them, which never came. */
  gapTimeouts = 0
  /** Connections that were upgraded to WebSockets, and requests for that which were refused. */
  readonly webSockets = { opened: 0, refused: 0 }
  /** Answers to pings over WebSocket, and how long all of them took together, in seconds. */
  readonly pongs = { count: 0, seconds: 0 }
  readonly sessionsCreated = { warmed: 0, client: 0 }
  /** How often each limit has refused something. */
  readonly refused = Object.fromEntries(Object.keys(limits).map(limit => [limit, 0])) as Record<Limit, number>
  readonly sessionsEnded = Object.fromEntries(endReasons.map(reason => [reason, 0])) as Record<
    EndReason,
    number
  >
  /** Calls of the warm API. */
  calls = 0
  /** Those that failed for a reason that is not the caller's. */
  failedCalls = 0
  /** Those that took up a session which was there. */
  reuses = 0
  /** Wrong secrets of admins. */
  failedAdminLogins = 0
  /** Logins of clients themselves: refused by their server, and delayed after refusals. */
  readonly clientLogins = { refused: 0, delayed: 0 }
  /** Streams that ended before their user was logged in, by step and code. */
  readonly linkFailures = new Tally()
  /** Exchanges with BOSH endpoints of others that came to nothing, by step and code. */
  readonly remoteFailures = new Tally()
  /** Stanzas of servers that break the rules of namespaces, or are too large or too intricate, by what became of them. */
  readonly unfitStanzas = { mended: 0, dropped: 0 }
  /** Events, by type: taken by their receiver, attempts that failed, and given up. */
  readonly events = Object.fromEntries(
    eventTypes.map(type => [type, { sent: 0, failed: 0, dropped: 0 }]),
  ) as Record<EventType, Record<'sent' | 'failed' | 'dropped', number>>
  /** Questions to other processes that had no answer, by the reason. */
  readonly unanswered = { gone: 0, broken: 0, late: 0 }
  /** What this process has counted alone because the process that should did not answer. */
  countedAlone = 0
  /** Lines that could not be written, by stream. */
  readonly linesLost = { log: 0, audit: 0 }
  /** What was not foreseen. */
  faults = 0
}
