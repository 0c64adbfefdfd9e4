import type { AttachBinding } from '../sessions.js'

/** An account that may call the warm API. */
export interface Admin {
  readonly name: string
  readonly secret: string
  /** Domain patterns this admin may warm for; `['*']` without a restriction. */
  readonly domains: readonly string[]
}

/** Where and how a domain's XMPP server is reached. */
export interface Server {
  /** Prepared name or address; an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  /** `none` is a plain link, for loopback or a private network by the operator's decision. */
  readonly tls: 'starttls' | 'none'
  /** Whether SASL PLAIN may cross a plain link. */
  readonly plain: boolean
  /** Extra trusted certificates, PEM text. */
  readonly ca: string | undefined
  /** Whether the certificate is checked. */
  readonly verify: boolean
  /** What this service shows of itself to log users in by SASL EXTERNAL; PEM texts. */
  readonly certificate: { readonly cert: string; readonly key: string } | undefined
}

/** A BOSH endpoint of somebody else, which serves a domain. */
export interface RemoteEndpoint {
  /** Where it is; undefined where the domain's host-meta has to be asked first (XEP-0156 §2). */
  readonly url: string | undefined
  /** Whether SASL PLAIN may be used although the endpoint is not encrypted. */
  readonly plain: boolean
  /** Extra trusted certificates, PEM text. */
  readonly ca: string | undefined
  /** Whether the certificate is checked. */
  readonly verify: boolean
}

/** The account of the operator's that logs in on behalf of a domain's users (RFC 6120 §6.3.8). */
export interface ServiceAccount {
  readonly user: string
  readonly password: string
}

/** The settings in the form the parts use; frozen. Durations are in seconds. */
export interface Config {
  /** What to listen on; an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  readonly admins: readonly Admin[]
  /** Patterns of `XMPP_DOMAINS`: `example.org`, `*.example.org`, `*`; lower case, A-labels. */
  readonly domains: readonly string[]
  /** Patterns of domains that are no longer served. */
  readonly retiredDomains: readonly string[]
  /** Silence on a link to a server before a space is sent; 0 sends none. */
  readonly keepalive: number
  /** What TLS on a link to a server must be. */
  readonly tls: {
    readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
    /** In the notation of OpenSSL; Node's own where undefined. */
    readonly ciphers: string | undefined
  }
  /**
   * By XMPP domain, `*` for those without an entry in this map or the next. A domain that neither map serves is itself
   * its server, port 5222, STARTTLS.
   */
  readonly servers: ReadonlyMap<string, Server>
  /** The domains that a BOSH endpoint of somebody else serves; `*` as above. */
  readonly remotes: ReadonlyMap<string, RemoteEndpoint>
  readonly remote: {
    /** Whether browsers come here, or are sent to the endpoint. */
    readonly attach: 'here' | 'there'
    readonly connectTimeout: number
    /** What an answer may take beyond the time that a request may be held. */
    readonly timeout: number
    readonly maxReplyBytes: number
    /** Further headers of every request to an endpoint. */
    readonly headers: readonly (readonly [name: string, value: string])[]
  }
  /** SASL mechanisms that a login may use, the one liked best first. */
  readonly mechanisms: readonly string[]
  /** By XMPP domain, `*` for those without an entry. */
  readonly serviceAccounts: ReadonlyMap<string, ServiceAccount>
  /** Treat every request as if it had come over an encrypted channel. */
  readonly assumeSecure: boolean
  readonly warmPath: string
  readonly boshPath: string
  /** Public base URL without a trailing slash. */
  readonly externalUrl: string | undefined
  readonly bosh: {
    readonly maxWait: number
    readonly defaultHold: number
    readonly maxRequests: number
    readonly inactivity: number
    /** Longest pause; 0 turns pausing off. */
    readonly maxPause: number
    /** Shortest time between two empty requests that is announced. */
    readonly polling: number
    /** Whether clients that ask more often than that are thrown out. */
    readonly enforcePolling: boolean
    /** Whether clients may acknowledge replies. */
    readonly acks: boolean
    /** Whether sessions are created over encrypted channels only. */
    readonly requireSecure: boolean
    /** What the page at the BOSH path says. */
    readonly getText: string
    readonly attachBinding: AttachBinding
  }
  readonly cors: {
    /** Origins whose pages may use the BOSH endpoint; `*` is any. */
    readonly origins: readonly string[]
    /** Whether they may send cookies along. */
    readonly credentials: boolean
  }
  readonly warm: {
    readonly timeout: number
    /** Longest time for one step of it. */
    readonly stepTimeout: number
    /** Whether a bare domain logs in without an account (SASL ANONYMOUS). */
    readonly anonymous: boolean
    readonly attachTimeout: number
    /** How long salted passwords are remembered; 0 turns it off. */
    readonly scramMemory: number
    readonly scramMaxIterations: number
  }
  readonly logLevel: string
}
