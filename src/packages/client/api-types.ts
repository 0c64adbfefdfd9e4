// Written by `npm run client-types` from what /openapi.json says under the usual settings.

/** An unknown or repeated parameter is an error. */
export interface WarmRequest {
  /** The user: a bare JID, or a full JID to request a resource. */
  jid: string
  /** At most 1024 bytes. */
  password?: string
  /** A token of the user, instead of a password. */
  token?: string
  /** SASL mechanism for the token. */
  mechanism?: string
  /** Instead of a password: the `credential` of an earlier answer. */
  credential?: string
  /** The user, if `jid` and `password` belong to another account of the domain, which acts for the user. */
  authzid?: string
  /** Language of the stream (BCP 47). */
  language?: string | '' | null
  /** Like `language`, which wins if both are present. */
  lang?: string | '' | null
  /** Longest time to hold a request, in seconds. More than 60 counts as 60. */
  wait?: number | '' | null
  /** Requests held at a time. More than 1 counts as 1. */
  hold?: number | '' | null
  /** BOSH version. The JSON number 1.10 means 1.1. */
  ver?: string | number | '' | null
  /** Time limit for the first request of the page, in seconds. */
  expires_in?: number | '' | null
  /** Ties the session to one browser by a cookie. The first BOSH response (`cookie`) or your backend (`reply`) sets it. */
  attach_binding?: 'off' | 'cookie' | 'reply' | '' | null
  /** Name of the portal session, not a secret. The call resumes an existing session of this `visit` and `tab`. */
  visit?: string
  /** Name of the browser tab. Without it, the visit has one session. */
  tab?: string | '' | null
  /** Whether to return a `credential`, which later calls send in place of the password. */
  remember?: boolean | 'on' | 'true' | 'yes' | '1' | 'off' | 'false' | 'no' | '0' | '' | null
}

/** Options of the session. */
export interface ResumeRequest {
  /** Time limit for the first request of the page, in seconds. */
  expires_in?: number | '' | null
  /** Ties the session to one browser by a cookie. The first BOSH response (`cookie`) or your backend (`reply`) sets it. */
  attach_binding?: 'off' | 'cookie' | 'reply' | '' | null
}

/** A session that waits for its page. */
export interface Binding {
  /** The full JID. */
  jid: string
  /** The secret of the session. */
  sid: string
  /** The next request id to send. */
  rid: number
  /** The public id of the session. */
  id: string
  /** Longest time to hold a request, in seconds. */
  wait: number
  /** Requests held at a time. */
  hold: number
  /** Requests that may be open at once. */
  requests: number
  /** The session ends after this time without an open request, in seconds. */
  inactivity: number
  /** Shortest time between two empty requests, in seconds. */
  polling: number
  /** Longest pause, in seconds. Absent if the endpoint allows no pause. */
  maxpause?: number
  /** BOSH version. */
  ver: string
  /** The BOSH endpoint: a URL, or a path if the service does not know its URL. */
  url: string
  /** Time limit for the first request of the page, in seconds. */
  expires_in: number
  /** The page may send client states (XEP-0352). Absent at remote endpoints with REMOTE_ATTACH=there. */
  csi?: boolean
  /** The page may ask for notices about the link to the XMPP server. Absent at remote endpoints with REMOTE_ATTACH=there. */
  link_state?: boolean
  /** Access over WebSocket (RFC 7395). Absent if it is off, with `attach_binding`, and at remote endpoints with REMOTE_ATTACH=there. */
  websocket?: {
    /** The WebSocket endpoint: a URL or a path. */
    url: string
    /** A password for one login. The user name is the local part of the JID. */
    token: string
    /** Lifetime of the token, in seconds. */
    expires_in: number
  }
  /** With `attach_binding=reply`: the cookie to set with the page. */
  cookie?: {
    /** `wb-` and the public id. */
    name: string
    /** A secret of the session. */
    value: string
    /** For `Set-Cookie`, after `name=value; `. */
    attributes: string
  }
  /** With `remember`: replaces the password in later calls. A secret. */
  credential?: string
  /** Whether the session existed before this call. */
  resumed: boolean
  /** If resumed: number of stanzas that earlier pages certainly received. The new page gets the rest. */
  delivered?: number
  /** If the previous page used BOSH: the id of its last request that arrived. */
  received?: number
}

/** A session. */
export interface Session {
  /** The public id of the session. */
  id: string
  /** The full JID. Absent until it is bound. */
  jid?: string
  /** The domain of the user. */
  domain: string
  /** `warmed` by this API, or opened by a `client`. */
  origin: 'warmed' | 'client'
  /** `opening`: before the end of the login. `waiting`: no page has attached since the login or the last resume. `held`: a request or WebSocket is open. `quiet`: none is open. `paused`: announced by the client. `ended`: the client does not know it yet. `elsewhere`: at a remote endpoint with REMOTE_ATTACH=there. */
  state: 'opening' | 'waiting' | 'held' | 'quiet' | 'paused' | 'ended' | 'elsewhere'
  /** The transport of its client. Absent without a client. */
  transport?: 'bosh' | 'websocket'
  /** Seconds since the opening. */
  age: number
  /** Seconds without an open request. Absent while a request is open. */
  quiet?: number
  /** Its `visit`, if this admin sent it. */
  visit?: string
  /** Its `tab`, if this admin sent it. */
  tab?: string
  /** Name of its process. Absent with one process. */
  process?: string
  /** The admin whose call opened it. Like `address`, `browser` and `history`, not in lists. */
  admin?: string
  /** The address of its client. */
  address?: string
  /** A short name of its browser. */
  browser?: string
  /** Its last events, the oldest first. */
  history?: {
    /** What happened. */
    event: string
    /** Seconds since then. */
    age: number
  }[]
}

/** A part of a list of sessions. */
export interface SessionList {
  sessions: Session[]
  /** Sessions in the whole list. */
  total: number
  /** `after` of the next part. Absent at the end. */
  next?: string
  /** Processes that did not answer within a second: their sessions are missing here. Absent if all answered. */
  unanswered?: string[]
}

/** Ended sessions. */
export interface Ended {
  /** Sessions that were ended. */
  ended: number
  /** Sessions that may exist at a remote endpoint. Absent instead of 0. */
  elsewhere?: number
  /** Processes that did not answer within a second: their sessions may still exist. Absent if all answered. */
  unanswered?: string[]
}

/** The endpoints of a domain (XEP-0156). */
export interface HostMeta {
  links: {
    /** The kind of endpoint. */
    rel: string
    /** The URL of the endpoint. */
    href: string
  }[]
}

/** An error (RFC 9457). */
export interface Problem {
  type: 'about:blank'
  /** The name of the HTTP status. */
  title: string
  /** The HTTP status. */
  status: number
  /** What happened. */
  detail: string
  /** The error, for programs. */
  code:
    | 'missing-parameter'
    | 'invalid-parameter'
    | 'invalid-jid'
    | 'invalid-body'
    | 'unauthorized'
    | 'invalid-token'
    | 'forbidden'
    | 'role-forbidden'
    | 'address-forbidden'
    | 'insecure-channel'
    | 'client-certificate-required'
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
    | 'cannot-remember'
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
    | 'local-ports-exhausted'
    | 'service-full'
    | 'too-many-sessions'
    | 'session-unreachable'
    | 'store-unavailable'
    | 'keys-unavailable'
    | 'shutting-down'
    | 'timeout'
  /** What to do now. */
  advice: string
  /** Whether the same call may succeed later. */
  retry: boolean
  /** The step of the login. */
  step?: 'resolve' | 'connect' | 'tls' | 'features' | 'sasl' | 'bind'
  /** The condition that the XMPP server sent. */
  condition?: string
  /** The request id, also in the log: as `urn:uuid:…` if it is a UUID. */
  instance: string
}

/** Lists the sessions of the domains of this admin. */
export interface ListSessionsQuery {
  /** The sessions of a bare JID, or the session of a full JID. */
  jid?: string
  /** The sessions with this text in their JID, or with this id. */
  search?: string
  /** The sessions of this domain. */
  domain?: string
  /** The sessions in this state. */
  state?: 'opening' | 'waiting' | 'held' | 'quiet' | 'paused' | 'ended' | 'elsewhere'
  /** The sessions over this transport. */
  transport?: 'bosh' | 'websocket'
  /** The sessions of this origin. `connect`: warmed for a page with a token. */
  origin?: 'warmed' | 'client' | 'connect'
  /** The sessions at this process. */
  process?: string
  /** The sessions of this visit of this admin. */
  visit?: string
  /** Largest number of sessions to list. */
  limit?: number
  /** The value of `next` in the previous part. */
  after?: string
  /** The order: oldest first, by JID, by state, or shortest quiet time first. `-` reverses it. */
  sort?: 'opened' | '-opened' | 'jid' | '-jid' | 'state' | '-state' | 'quiet' | '-quiet'
  /** Number of the part of the list, instead of `after`. */
  page?: number
}

/** Ends the sessions of a user or of a visit. */
export interface LogOutEverywhereQuery {
  /** The sessions of a bare JID, or the session of a full JID. */
  jid?: string
  /** The sessions of this visit of this admin. */
  visit?: string
}
