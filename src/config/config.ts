import type { AttachBinding } from '../sessions.js'
import type { Place } from './addresses.js'
import type { TlsFiles } from './certificates.js'
import type { LogLevels } from './log-levels.js'
import type { Networks } from './networks.js'

/** An account that may call the warm API. */
export interface Admin {
  readonly name: string
  readonly secret: string
  /** Domain patterns this admin may warm for; `['*']` without a restriction. */
  readonly domains: readonly string[]
}

/** Where and how a domain's XMPP server is reached. */
export interface Server extends Trust {
  /** Prepared name or address; an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  /**
   * `direct` is TLS from the start (XEP-0368); `none` is a plain link, for loopback or a private network by the
   * operator's decision.
   */
  readonly tls: 'starttls' | 'direct' | 'none'
}

/** What a server is trusted with, and what it has to show for it. */
export interface Trust {
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

/** What is served under a name of HTTP: one XMPP domain, at addresses of its own, or all of them. */
export interface HttpHost {
  /** Undefined where all are. */
  readonly domain: string | undefined
  /** Public base URL without a trailing slash. */
  readonly externalUrl: string | undefined
  /** Undefined where the endpoint is off. */
  readonly boshPath: string | undefined
  readonly warmPath: string | undefined
}

/** Who may use an endpoint, by address. */
export interface AccessRule {
  readonly allow: Networks
  /** Those among them who may not. */
  readonly deny: Networks
}

/** The settings in the form the parts use; frozen. Durations are in seconds. */
export interface Config {
  readonly listen: {
    /** Without TLS; none where that is off. */
    readonly places: readonly Place[]
    /** Connections that the system keeps for us until they are accepted. */
    readonly backlog: number
    /** Open at a time; 0 is any number. */
    readonly maxConnections: number
    /** The same of one client, trusted proxies apart. */
    readonly maxConnectionsPerAddress: number
  }
  /** What is listened for with TLS; undefined where nothing is. */
  readonly https:
    | {
        readonly places: readonly Place[]
        /** The setting that they come from. */
        readonly placesFrom: 'HOST' | 'HTTPS_HOST'
        readonly files: TlsFiles
        /** In the notation of OpenSSL; Node's own where undefined. */
        readonly ciphers: string | undefined
        readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
      }
    | undefined
  /** What requests are told apart by before their paths are looked at. */
  readonly http: {
    /** By name, lower case and without a port. */
    readonly hosts: ReadonlyMap<string, readonly HttpHost[]>
    /** Those that these settings are made for; none where they are for all other requests. */
    readonly own: readonly HttpHost[]
    /** What this service is called in the settings: those names, and those that are listened on. */
    readonly names: readonly string[]
    /** The one of them for requests to any other host. */
    readonly defaultHost: string | undefined
    /** Whether requests to any other host are refused. */
    readonly strictHost: boolean
    /** Whether the host-meta documents are there. */
    readonly hostMeta: boolean
  }
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
   * By XMPP domain, `*` for those without an entry in this map or the next. The server of a domain that neither map
   * serves is found by its name.
   */
  readonly servers: ReadonlyMap<string, Server>
  /** Whether direct TLS goes first where a domain has both and likes them equally. */
  readonly preferDirectTls: boolean
  /** Whether logins answer what a server offered last time before it has offered it again. */
  readonly pipelining: boolean
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
  /** Whose forwarding headers are believed. */
  readonly trustedProxies: Networks
  readonly warmPath: string
  readonly boshPath: string
  /** Public base URL without a trailing slash. */
  readonly externalUrl: string | undefined
  readonly bosh: {
    readonly enabled: boolean
    /** For clients that do not say which domain they want. */
    readonly defaultDomain: string | undefined
    /** Treat every request to this endpoint as if it had come over an encrypted channel. */
    readonly assumeSecure: boolean
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
    /** Headers that they may send; `*` is any. */
    readonly headers: readonly string[]
    readonly methods: readonly string[]
    /** How long browsers may remember what they were told. */
    readonly maxAge: number
  }
  readonly warm: {
    readonly enabled: boolean
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
  readonly access: { readonly warm: AccessRule; readonly bosh: AccessRule }
  /** How much there may be at a time; 0 is any number. */
  readonly limits: {
    readonly sessions: number
    /** Of those that clients have opened themselves, trusted proxies apart. */
    readonly sessionsPerAddress: number
    /** Of those that nobody has logged in to yet. */
    readonly unauthenticatedPerAddress: number
    /** The time to log in to such a session. */
    readonly loginTimeout: number
    readonly sessionsPerJid: number
    readonly heldRequests: number
    /** Of bodies whose rest is waited for. */
    readonly unfinishedMegabytes: number
    /** Of memory; 0 leaves it at what the heap may have. */
    readonly megabytes: number
  }
  /** How often something may be done; 0 is any number. */
  readonly rates: {
    /** In a second. */
    readonly sessionsPerAddress: number
    /** In a minute, like those that follow. */
    readonly warmsPerJid: number
    readonly warmsPerAdmin: number
    /** For one name from one address. */
    readonly failedLogins: number
    /** Of a session's client, in bytes in a second. */
    readonly sessionBytes: number
    /** The same at once. */
    readonly sessionBurst: number
  }
  readonly metrics: {
    /** Undefined where they are served nowhere. */
    readonly address: Place | undefined
    /** Largest share of failed requests without a warning, from 0 to 1; 0 never warns. */
    readonly maxErrorRate: number
  }
  readonly logLevels: LogLevels
}
