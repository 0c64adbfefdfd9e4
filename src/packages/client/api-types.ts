// Written by `npm run client-types` from what /openapi.json says under the usual settings.

/** Who is to be logged in, and how. What is empty is not given. A parameter that is not listed is ignored, one that comes twice, or whose name is nearly one of these, is refused. */
export interface WarmRequest {
  /** The user: a bare JID, or a full one to ask for that resource. */
  jid: string
  /** The user's password, at most 1024 bytes. */
  password?: string
  /** Instead of a password: a token of the user's. */
  token?: string
  /** SASL mechanism that shows the token. */
  mechanism?: string
  /** The user, like `jid`, where `jid` and `password` are those of another account of the same domain, which acts for the user. */
  authzid?: string
  /** Language of the stream (BCP 47). */
  language?: string | '' | null
  /** The same as `language`, which counts where both are given. */
  lang?: string | '' | null
  /** Longest time a request is held, in seconds. More than 60 counts as 60. */
  wait?: number | '' | null
  /** Requests held at a time. More than 1 counts as 1. */
  hold?: number | '' | null
  /** BOSH version. As a number 1.10 is 1.1. */
  ver?: string | number | '' | null
  /** Time the browser has for its first request, in seconds. */
  expires_in?: number | '' | null
  /** Whether the session answers only the browser that attached to it: with `cookie` the first answer of the BOSH endpoint sets a cookie, with `reply` the answer to this call has one for the backend to set. */
  attach_binding?: 'off' | 'cookie' | 'reply' | '' | null
  /** Whether a session of this user that has no page is taken up, if there is one. */
  reuse?: boolean | 'on' | 'true' | 'yes' | '1' | 'off' | 'false' | 'no' | '0' | '' | null
}

/** How the session is to wait for its page. */
export interface ResumeRequest {
  /** Time the browser has for its first request, in seconds. */
  expires_in?: number | '' | null
  /** Whether the session answers only the browser that attached to it: with `cookie` the first answer of the BOSH endpoint sets a cookie, with `reply` the answer to this call has one for the backend to set. */
  attach_binding?: 'off' | 'cookie' | 'reply' | '' | null
}

/** A session that waits for its page. */
export interface Binding {
  /** The full JID that the server bound. */
  jid: string
  /** The session's secret. */
  sid: string
  /** The next request id to send. */
  rid: number
  /** The session's handle, no secret. */
  id: string
  /** Longest time a request is held, in seconds. */
  wait: number
  /** Requests held at a time. */
  hold: number
  /** Requests that may be open at once. */
  requests: number
  /** Silence after which the session ends, in seconds. */
  inactivity: number
  /** Shortest time to leave between two empty requests, in seconds. */
  polling: number
  /** Longest silence that may be announced, in seconds; absent where there is no pausing. */
  maxpause?: number
  /** BOSH version. */
  ver: string
  /** The BOSH endpoint that the page talks to: a URL, or its path alone where the settings name none and the call came under a name that is not known. */
  url: string
  /** Time the browser has for its first request, in seconds. */
  expires_in: number
  /** The other way to the session, over WebSocket (RFC 7395); absent where it is off, with `attach_binding`, and for sessions at other endpoints. */
  websocket?: {
    /** Where the page takes the session over: a URL, or its path alone, as above. Of several processes it names the one that has the session, in `node`. */
    url: string
    /** The password for that, good once. The user's name is the local part of the JID. */
    token: string
    /** Time that it is good for, in seconds. */
    expires_in: number
  }
  /** What `attach_binding=reply` asks for: the cookie to set with the page. */
  cookie?: {
    /** `wb-` and the handle. */
    name: string
    /** A secret of the session. */
    value: string
    /** What stands behind `name=value; ` in `Set-Cookie`. */
    attributes: string
  }
  /** Whether the session had a page before, or could have had one, and goes on; else it is new. */
  resumed: boolean
  /** Stanzas of the session that its pages before have had for certain; the next ones are delivered to the page that comes. Present where it is resumed. */
  delivered?: number
  /** The last request id that has come from the page before; present where it is resumed and that page spoke BOSH. */
  received?: number
  /** Whether this is a session from before; present where `reuse` asks for it. */
  reused?: boolean
}

/** How a session stands. */
export interface Session {
  /** The session's handle, no secret. */
  id: string
  /** The full JID that the server bound; absent before. */
  jid?: string
  /** The user's domain. */
  domain: string
  /** `warmed` by this API, or opened by a `client` itself. */
  origin: 'warmed' | 'client'
  /** `opening` until the login is done, `waiting` for the first request of a browser, `held` while a request is open, `quiet` while none is, `paused` at the client's wish, `ended` by the XMPP server without its client knowing yet, `elsewhere` where its browser was sent to another endpoint. */
  state: 'opening' | 'waiting' | 'held' | 'quiet' | 'paused' | 'ended' | 'elsewhere'
  /** How its client reaches this service; absent before one has come. */
  transport?: 'bosh' | 'websocket'
  /** Seconds since it was opened. */
  age: number
  /** Seconds since a request was open; absent while one is. */
  quiet?: number
}

/** A part of a list of sessions, the oldest first. */
export interface SessionList {
  sessions: Session[]
  /** Sessions in the whole list. */
  total: number
  /** Where to go on; absent at the end. */
  next?: string
  /** Processes of the service that did not answer within a second, and whose sessions are missing here; absent without any. */
  unanswered?: string[]
}

/** What became of the sessions of a user. */
export interface Ended {
  /** Sessions that were ended. */
  ended: number
  /** Sessions that may live at another endpoint and cannot be ended here; absent without any. */
  elsewhere?: number
  /** Processes of the service that did not answer within a second, and whose sessions may live on; absent without any. */
  unanswered?: string[]
}

/** The endpoints of a domain (XEP-0156). */
export interface HostMeta {
  links: {
    /** What kind of endpoint it is. */
    rel: string
    /** Where it is. */
    href: string
  }[]
}

/** What went wrong (RFC 9457). */
export interface Problem {
  type: 'about:blank'
  /** The name of the HTTP status. */
  title: string
  /** The HTTP status. */
  status: number
  /** What went wrong, in words. */
  detail: string
  /** What went wrong, for programs. */
  code:
    | 'missing-parameter'
    | 'invalid-parameter'
    | 'invalid-jid'
    | 'invalid-body'
    | 'unauthorized'
    | 'forbidden'
    | 'address-forbidden'
    | 'insecure-channel'
    | 'cross-site-request'
    | 'domain-not-allowed'
    | 'address-not-allowed'
    | 'not-authorized'
    | 'account-disabled'
    | 'credentials-expired'
    | 'authzid-refused'
    | 'not-found'
    | 'session-not-found'
    | 'method-not-allowed'
    | 'conflict'
    | 'not-here'
    | 'body-too-large'
    | 'unsupported-media-type'
    | 'misdirected-request'
    | 'too-many-requests'
    | 'internal-error'
    | 'host-unknown'
    | 'remote-connection-failed'
    | 'tls-unavailable'
    | 'certificate-invalid'
    | 'remote-protocol-error'
    | 'remote-stream-error'
    | 'no-mechanism'
    | 'server-not-authentic'
    | 'login-failed'
    | 'bind-refused'
    | 'jid-mismatch'
    | 'temporary-auth-failure'
    | 'service-full'
    | 'too-many-sessions'
    | 'session-unreachable'
    | 'shutting-down'
    | 'timeout'
  /** The part of the login in which it did. */
  step?: 'resolve' | 'connect' | 'tls' | 'features' | 'sasl' | 'bind'
  /** The XMPP server's own word for it. */
  condition?: string
  /** The request's id, which the log has too, as `urn:uuid:…`. */
  instance: string
}

/** Lists the sessions of the domains that this admin may call for. */
export interface ListSessionsQuery {
  /** Only the sessions of this bare JID, or the one of this full JID. */
  jid?: string
  /** Only the sessions of users of this domain. */
  domain?: string
  /** Only the sessions that stand like this. */
  state?: 'opening' | 'waiting' | 'held' | 'quiet' | 'paused' | 'ended' | 'elsewhere'
  /** Only the sessions that were opened like this. */
  origin?: 'warmed' | 'client'
  /** How many sessions to list. */
  limit?: number
  /** Where to go on: `next` of the list before. */
  after?: string
}

/** Ends the sessions of a user. */
export interface LogOutEverywhereQuery {
  /** Whose sessions end: all of a bare JID, or the one of a full JID. */
  jid: string
}
