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
  /** By XMPP domain; a domain without an entry is itself its server, port 5222, STARTTLS. */
  readonly servers: ReadonlyMap<string, Server>
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
  }
  readonly warm: {
    readonly timeout: number
    readonly attachTimeout: number
    /** How long salted passwords are remembered; 0 turns it off. */
    readonly scramMemory: number
    readonly scramMaxIterations: number
  }
  readonly logLevel: string
}
