// Everything an operator can set, each setting in one place. From here come the types of `Config`, what is read and
// checked, `.env.example` and docs/settings.md: `npm run settings` writes the two.
import { adminAccounts, adminAccountsFile, serviceAccounts, serviceAccountsFile } from './account-lists.js'
import { hostEntries } from './hosts.js'
import {
  baseUrl,
  boolean,
  ciphers,
  domain,
  domainPatterns,
  files,
  headers,
  hostName,
  integer,
  type Kind,
  logLevelsByPart,
  mechanisms,
  origins,
  path,
  share,
  text,
  tlsVersion,
  tokens,
  word,
} from './kinds.js'
import { addresses, metricsAddress, ports } from './listen-addresses.js'
import { readNetworks } from './networks.js'
import { serversByDomain } from './servers.js'

export interface Setting {
  /** Reads its text. */
  readonly kind: Kind<unknown>
  /** Where its value stands in `Config`; absent where that is made of several settings. */
  readonly at?: string
  /** As an operator would write it; absent where leaving the setting out means something of its own. */
  readonly default?: string
  /** What the documentation says instead of a default where the service does not start without a value. */
  readonly required?: string
  /** What it does, for the operator. */
  readonly sentence: string
}

/** The settings by section and by the name of their environment variable, in the order of the documentation. */
export const sections = {
  Listening: {
    HOST: {
      kind: addresses,
      default: '127.0.0.1',
      sentence:
        'Addresses to listen on without TLS, separated by commas, each with a port of its own if wanted, as in `127.0.0.1:8080` or `[::1]:8081`; `0.0.0.0` or `::` is every interface.',
    },
    PORT: {
      kind: ports,
      default: '8080',
      sentence:
        'TCP port to listen on without TLS, or several, separated by commas; 0 takes any free one, and `off` stands for none.',
    },
    HTTPS_HOST: {
      kind: addresses,
      sentence:
        'Addresses to listen on with TLS, written like HOST; those of HOST, without its ports, unless set.',
    },
    HTTPS_PORT: {
      kind: ports,
      sentence:
        'TCP port to listen on with TLS, written like PORT; 8443 if there is a TLS_CERT or an HTTPS_HOST, none without them.',
    },
    TLS_CERT: {
      kind: files,
      default: '',
      sentence:
        'PEM files of certificates, each with its chain unless there is a TLS_CHAIN, separated by commas; clients get the one with the name that they ask for, or else the first. They are read again on SIGHUP.',
    },
    TLS_CHAIN: {
      kind: files,
      sentence:
        'PEM files of the certificates behind each of them up to an authority, in the same order, where they are not in its own file.',
    },
    TLS_KEY: {
      kind: files,
      sentence:
        'PEM files of their keys, in the same order; unless set, each is in the file of its certificate or in `x.key` beside `x.crt`.',
    },
    TLS_KEY_PASSPHRASE: {
      kind: text,
      sentence: 'Passphrase of keys that are encrypted.',
    },
    TLS_KEY_PASSPHRASE_FILE: {
      kind: text,
      sentence: 'File with the passphrase of encrypted keys.',
    },
    TLS_CIPHERS: {
      kind: ciphers,
      sentence: 'Ciphers that a client may use, in the notation of OpenSSL; those of Node.js unless set.',
    },
    TLS_MIN_VERSION: {
      kind: tlsVersion,
      default: '1.2',
      sentence: 'Oldest version of TLS that a client may use.',
    },
    TLS_DHPARAM: {
      kind: text,
      default: 'auto',
      sentence: 'PEM file of Diffie-Hellman parameters for clients without elliptic curves, or `auto`.',
    },
    LISTEN_BACKLOG: {
      kind: integer(1, 65535),
      at: 'listen.backlog',
      default: '511',
      sentence:
        'Connections that wait at a time for being accepted; the system may allow less (`net.core.somaxconn`).',
    },
    MAX_CONNECTIONS: {
      kind: integer(0, 1_000_000),
      at: 'listen.maxConnections',
      default: '0',
      sentence:
        'Connections that may be open at a time, after which new ones are closed at once; 0 is any number.',
    },
    MAX_CONNECTIONS_PER_ADDRESS: {
      kind: integer(0, 1_000_000),
      at: 'listen.maxConnectionsPerAddress',
      default: '1000',
      sentence:
        'The same for connections from one IPv4 address or one IPv6 network of 64 bits; TRUSTED_PROXIES may have any number.',
    },
    EXTERNAL_URL: {
      kind: baseUrl,
      at: 'externalUrl',
      sentence:
        'URL under which browsers reach this service, such as `https://chat.example.org`, where it differs from HOST and PORT; needed behind a proxy, and for host-meta.',
    },
    HTTP_HOSTS: {
      kind: hostEntries,
      default: '',
      sentence:
        'Names of HTTP hosts and the XMPP domains that they serve, as `chat.example.org=example.org,…`, with options behind a `?`; see *Hosts and paths* in docs/operations.md.',
    },
    HTTP_DEFAULT_HOST: {
      kind: hostName,
      at: 'http.defaultHost',
      sentence: 'Host of HTTP_HOSTS that also answers requests to any other host.',
    },
    HTTP_STRICT_HOST: {
      kind: boolean,
      at: 'http.strictHost',
      default: 'off',
      sentence: 'Answers requests to any other host with 421; unless set, all domains are served there.',
    },
    HOST_META_ENABLED: {
      kind: boolean,
      at: 'http.hostMeta',
      default: 'on',
      sentence:
        'Tells clients the address of the BOSH endpoint at `/.well-known/host-meta` and `host-meta.json`, as far as EXTERNAL_URL, or the `url` of the host, has one that is https.',
    },
    HTTP_FAST: {
      kind: boolean,
      at: 'http.fast',
      default: 'on',
      sentence:
        'Reads requests and writes replies past the streams of Node.js, where its version is 20, 22 or 24; `off` is slower, and looks the same to clients.',
    },
    ASSUME_SECURE: {
      kind: boolean,
      at: 'assumeSecure',
      default: 'off',
      sentence:
        'Treats every request as encrypted; turn it on only behind a proxy that takes nothing but TLS.',
    },
    TRUSTED_PROXIES: {
      kind: readNetworks,
      at: 'trustedProxies',
      default: 'loopback',
      sentence:
        'Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses and ranges such as `10.0.0.0/8`, separated by commas, or the words `loopback` and `private`; `none` stands for no proxy at all. On a machine with other users name no loopback address: any of its programs could claim any address, and https.',
    },
  },
  Admins: {
    ADMIN_USERS: {
      kind: adminAccounts,
      default: '',
      required: 'required, or ADMIN_USERS_FILE',
      sentence:
        'Accounts that may call the warm API, as `name:secret,…`, where the secret may be a hash made by `npm run hash-password`; write `%2C`, `%3A` and `%25` for a comma, colon or percent sign inside.',
    },
    ADMIN_USERS_FILE: {
      kind: adminAccountsFile,
      default: '',
      sentence:
        'File with more such accounts, one a line, `name:secret` or `name:secret:domain domain…` for an account that may warm only for these domains.',
    },
  },
  'XMPP servers': {
    XMPP_DOMAINS: {
      kind: domainPatterns,
      at: 'domains',
      default: '',
      required: 'required',
      sentence:
        'Domains whose users may log in, separated by commas; `*.example.org` is every subdomain, `*` any domain at all.',
    },
    XMPP_SERVERS: {
      kind: serversByDomain,
      default: '',
      sentence:
        'Where to find the server of a domain that the DNS does not lead to, as `domain=xmpp://host:port,…`, or `xmpps://` for direct TLS, with options behind a `?`; `domain=https://host/http-bind` is the BOSH endpoint of another service, `domain=host-meta` asks the domain for one, and `*=…` stands for all other domains.',
    },
    XMPP_PREFER_DIRECT_TLS: {
      kind: boolean,
      at: 'preferDirectTls',
      default: 'off',
      sentence:
        'Tries direct TLS before STARTTLS where the service records of a domain offer both with the same priority.',
    },
    XMPP_PIPELINING: {
      kind: boolean,
      at: 'pipelining',
      default: 'on',
      sentence:
        'Answers what a server offered to an earlier login without waiting for it to be offered again (XEP-0305): one or two round trips less. Only for logins with SCRAM; a server is tried with one, and left alone where that fails.',
    },
    XMPP_TLS_MIN_VERSION: {
      kind: tlsVersion,
      at: 'tls.minVersion',
      default: '1.2',
      sentence: 'Oldest version of TLS that a link to a server may use.',
    },
    XMPP_TLS_CIPHERS: {
      kind: ciphers,
      at: 'tls.ciphers',
      sentence: 'Ciphers that such a link may use, in the notation of OpenSSL; those of Node.js unless set.',
    },
    XMPP_MECHANISMS: {
      kind: mechanisms,
      at: 'mechanisms',
      default:
        'SCRAM-SHA-512-PLUS,SCRAM-SHA-256-PLUS,SCRAM-SHA-1-PLUS,SCRAM-SHA-512,SCRAM-SHA-256,SCRAM-SHA-1,PLAIN',
      sentence:
        'Mechanisms that a login with a password may use, the one to prefer first; PLAIN never crosses an unencrypted link unless its server has `plain=on`.',
    },
    XMPP_SERVICE_ACCOUNTS: {
      kind: serviceAccounts,
      default: '',
      sentence:
        'Accounts that log in on behalf of users whose password is not known here, as `domain=user:password,…` or `*=user:password`, escaped like ADMIN_USERS; the XMPP server must allow them to.',
    },
    XMPP_SERVICE_ACCOUNTS_FILE: {
      kind: serviceAccountsFile,
      default: '',
      sentence: 'File with more such accounts, one a line.',
    },
    XMPP_RETIRED_DOMAINS: {
      kind: domainPatterns,
      at: 'retiredDomains',
      default: '',
      sentence:
        'Domains that were served once, written like XMPP_DOMAINS; clients that ask for them are told that they are gone.',
    },
    XMPP_KEEPALIVE: {
      kind: integer(0, 3600),
      at: 'keepalive',
      default: '60',
      sentence:
        'Time without traffic after which a space keeps a link to the server alive, in seconds; 0 sends none.',
    },
  },
  'Remote endpoints': {
    REMOTE_ATTACH: {
      kind: word('here', 'there'),
      at: 'remote.attach',
      default: 'here',
      sentence:
        'Whether the browsers of users at a remote BOSH endpoint come to this service, which passes on what they say, or are sent to that endpoint.',
    },
    REMOTE_CONNECT_TIMEOUT: {
      kind: integer(1, 60),
      at: 'remote.connectTimeout',
      default: '5',
      sentence: 'Longest time to connect to a remote endpoint, in seconds.',
    },
    REMOTE_TIMEOUT: {
      kind: integer(1, 300),
      at: 'remote.timeout',
      default: '5',
      sentence:
        'Time that an answer of a remote endpoint may take beyond the `wait` agreed with it, in seconds.',
    },
    REMOTE_MAX_REPLY_BYTES: {
      kind: integer(65536, 8_000_000),
      at: 'remote.maxReplyBytes',
      default: '8000000',
      sentence:
        'Longest answer that is taken whole from a remote endpoint, in bytes; of a longer one stanzas are left out.',
    },
    REMOTE_HEADERS: {
      kind: headers,
      at: 'remote.headers',
      default: '',
      sentence:
        'Further headers of every request to a remote endpoint, as `name=value,…`; write `%2C` and `%25` for a comma or percent sign inside.',
    },
  },
  BOSH: {
    BOSH_ENABLED: {
      kind: boolean,
      at: 'bosh.enabled',
      default: 'on',
      sentence: 'Whether there is a BOSH endpoint at all.',
    },
    BOSH_PATH: {
      kind: path,
      at: 'boshPath',
      default: '/http-bind',
      sentence:
        'Path of the BOSH endpoint, which browsers talk to; `$host` in it stands for the domain of an entry of HTTP_HOSTS.',
    },
    BOSH_DEFAULT_DOMAIN: {
      kind: domain,
      at: 'bosh.defaultDomain',
      sentence:
        'Domain of clients that log in themselves and do not say at which; they are refused without it.',
    },
    BOSH_ASSUME_SECURE: {
      kind: boolean,
      at: 'bosh.assumeSecure',
      default: 'off',
      sentence: 'Treats requests to the BOSH endpoint as encrypted, like ASSUME_SECURE, and no others.',
    },
    BOSH_MAX_WAIT: {
      kind: integer(1, 3600),
      at: 'bosh.maxWait',
      default: '60',
      sentence:
        "Longest time a request is held, in seconds; raise it only together with your proxy's timeout.",
    },
    BOSH_DEFAULT_HOLD: {
      kind: integer(0, 254),
      at: 'bosh.defaultHold',
      default: '1',
      sentence:
        'Requests held at a time for a client that does not say how many; must be less than BOSH_MAX_REQUESTS.',
    },
    BOSH_MAX_REQUESTS: {
      kind: integer(2, 255),
      at: 'bosh.maxRequests',
      default: '2',
      sentence: 'Requests that a client may have open at once.',
    },
    BOSH_INACTIVITY: {
      kind: integer(5, 86400),
      at: 'bosh.inactivity',
      default: '150',
      sentence:
        'Time without an open request after which a session ends, in seconds; browsers wake a hidden tab only once a minute.',
    },
    BOSH_MAX_PAUSE: {
      kind: integer(0, 65535),
      at: 'bosh.maxPause',
      default: '300',
      sentence: 'Longest pause that a client may announce, in seconds; 0 turns pausing off.',
    },
    BOSH_POLLING: {
      kind: integer(1, 65535),
      at: 'bosh.polling',
      default: '5',
      sentence: 'Time that a client is asked to leave between two empty requests, in seconds.',
    },
    BOSH_ENFORCE_POLLING: {
      kind: boolean,
      at: 'bosh.enforcePolling',
      default: 'off',
      sentence:
        'Ends the session of a client that asks more often than that; many clients do, after a reload for one.',
    },
    BOSH_ACKS: {
      kind: boolean,
      at: 'bosh.acks',
      default: 'on',
      sentence: 'Lets clients acknowledge replies, where they ask for it.',
    },
    BOSH_REQUIRE_SECURE: {
      kind: boolean,
      at: 'bosh.requireSecure',
      default: 'off',
      sentence:
        'Creates sessions over encrypted channels only; others are sent to the https address, where one is known.',
    },
    BOSH_GET_TEXT: {
      kind: text,
      at: 'bosh.getText',
      default: 'This is an XMPP BOSH endpoint: point your client here.',
      sentence: 'Text of the page that a browser shows at the BOSH endpoint.',
    },
    ATTACH_BINDING: {
      kind: word('off', 'cookie', 'reply'),
      at: 'bosh.attachBinding',
      default: 'off',
      sentence:
        'Whether a warmed session answers only the browser that attached to it: with `cookie` its first answer sets a cookie, with `reply` the answer of the warm API carries one for the backend to set, which is demanded from the first request on.',
    },
    CORS_ORIGINS: {
      kind: origins,
      at: 'cors.origins',
      default: '*',
      sentence:
        'Origins whose pages may use the BOSH endpoint, such as `https://www.example.org`, separated by commas; `*` is any, and an empty value does not stand for none: write `none`.',
    },
    CORS_CREDENTIALS: {
      kind: boolean,
      at: 'cors.credentials',
      default: 'off',
      sentence:
        'Lets those pages send cookies along, which ATTACH_BINDING needs; CORS_ORIGINS must list them then.',
    },
    CORS_HEADERS: {
      kind: tokens,
      at: 'cors.headers',
      default: 'Content-Type',
      sentence:
        'Headers that those pages may send, separated by commas; browsers want `Content-Type` among them for BOSH. `*` is any, which goes without CORS_CREDENTIALS only.',
    },
    CORS_METHODS: {
      kind: tokens,
      at: 'cors.methods',
      default: 'GET, POST, OPTIONS',
      sentence: 'Methods that those pages are told they may use, separated by commas.',
    },
    CORS_MAX_AGE: {
      kind: integer(0, 86400),
      at: 'cors.maxAge',
      default: '7200',
      sentence: 'Time that browsers may remember what those pages may do, in seconds.',
    },
  },
  Warming: {
    WARM_ENABLED: {
      kind: boolean,
      at: 'warm.enabled',
      default: 'on',
      sentence: 'Whether there is a warm API at all.',
    },
    WARM_PATH: {
      kind: path,
      at: 'warmPath',
      default: '/warm',
      sentence: 'Path of the warm API, which backends talk to; `$host` as in BOSH_PATH.',
    },
    WARM_TIMEOUT: {
      kind: integer(1, 300),
      at: 'warm.timeout',
      default: '15',
      sentence: 'Longest time a login may take, in seconds.',
    },
    WARM_STEP_TIMEOUT: {
      kind: integer(1, 300),
      at: 'warm.stepTimeout',
      default: '10',
      sentence: 'Longest time that a single step of a login may take, in seconds.',
    },
    WARM_ANONYMOUS: {
      kind: boolean,
      at: 'warm.anonymous',
      default: 'off',
      sentence: 'Warms anonymous sessions, by SASL ANONYMOUS, where the JID is nothing but a domain.',
    },
    WARM_ATTACH_TIMEOUT: {
      kind: integer(5, 600),
      at: 'warm.attachTimeout',
      default: '120',
      sentence: 'Time a browser has for its first request to a warmed session, in seconds.',
    },
    SCRAM_MEMORY: {
      kind: integer(0, 3600),
      at: 'warm.scramMemory',
      default: '300',
      sentence:
        "Time a salted password is remembered under a keyed hash, in seconds, so that the same user's next login costs no hashing; 0 turns it off.",
    },
    SCRAM_MAX_ITERATIONS: {
      kind: integer(4096, 10_000_000),
      at: 'warm.scramMaxIterations',
      default: '200000',
      sentence: 'Most hashing rounds an XMPP server may ask of a login; one that asks for more is refused.',
    },
  },
  Limits: {
    WARM_ALLOW: {
      kind: readNetworks,
      at: 'access.warm.allow',
      default: 'loopback, private',
      sentence: 'Addresses that may call the warm API, written like TRUSTED_PROXIES; `any` is all of them.',
    },
    WARM_DENY: {
      kind: readNetworks,
      at: 'access.warm.deny',
      default: 'none',
      sentence: 'Addresses that may not call the warm API although WARM_ALLOW has them.',
    },
    BOSH_ALLOW: {
      kind: readNetworks,
      at: 'access.bosh.allow',
      default: 'any',
      sentence: 'Addresses that may use the BOSH endpoint.',
    },
    BOSH_DENY: {
      kind: readNetworks,
      at: 'access.bosh.deny',
      default: 'none',
      sentence: 'Addresses that may not use the BOSH endpoint although BOSH_ALLOW has them.',
    },
    MAX_SESSIONS: {
      kind: integer(0, 10_000_000),
      at: 'limits.sessions',
      default: '20000',
      sentence: 'Sessions at a time; 0 is any number, here and in every limit below.',
    },
    MAX_SESSIONS_PER_ADDRESS: {
      kind: integer(0, 10_000_000),
      at: 'limits.sessionsPerAddress',
      default: '200',
      sentence:
        'Sessions that clients of one IPv4 address or one IPv6 network of 64 bits have opened themselves; TRUSTED_PROXIES may have any number, and warmed sessions do not count.',
    },
    MAX_UNAUTHENTICATED_PER_ADDRESS: {
      kind: integer(0, 10_000_000),
      at: 'limits.unauthenticatedPerAddress',
      default: '20',
      sentence: 'The same for sessions that no user has logged in to yet.',
    },
    BOSH_LOGIN_TIMEOUT: {
      kind: integer(0, 3600),
      at: 'limits.loginTimeout',
      default: '60',
      sentence:
        'Time that a client has to log in to a session that it has opened itself, in seconds; registering an account first gives no more.',
    },
    MAX_SESSIONS_PER_JID: {
      kind: integer(0, 1_000_000),
      at: 'limits.sessionsPerJid',
      default: '20',
      sentence: 'Sessions of one user at a time, warmed or not.',
    },
    MAX_HELD_REQUESTS: {
      kind: integer(0, 10_000_000),
      at: 'limits.heldRequests',
      default: '40000',
      sentence: 'BOSH requests that wait for an answer at a time.',
    },
    MAX_UNFINISHED_MB: {
      kind: integer(0, 1_000_000),
      at: 'limits.unfinishedMegabytes',
      default: '64',
      sentence:
        'Memory, in MiB, for BOSH requests that have come in part, an eighth of it for those of one address, counted like MAX_SESSIONS_PER_ADDRESS; others that come in parts are answered 503 meanwhile.',
    },
    MAX_MEMORY_MB: {
      kind: integer(0, 1_000_000),
      at: 'limits.megabytes',
      default: '0',
      sentence:
        'Memory that this process may have, in MiB, before it takes no new sessions until some have gone; 0 leaves it at 80 % of what the machine or the container has. Three quarters of the heap of Node.js hold in any case.',
    },
    RATE_SESSIONS_PER_ADDRESS: {
      kind: integer(0, 1_000_000),
      at: 'rates.sessionsPerAddress',
      default: '10',
      sentence:
        'Sessions that clients of one address may open themselves in a second, on average over five seconds; counted like MAX_SESSIONS_PER_ADDRESS.',
    },
    RATE_SESSION_BYTES: {
      kind: integer(0, 1_000_000_000),
      at: 'rates.sessionBytes',
      default: '100000',
      sentence:
        'Bytes of stanzas that a client may send in a second; what is more waits for its turn, and nothing is lost.',
    },
    RATE_SESSION_BURST: {
      kind: integer(0, 1_000_000_000),
      at: 'rates.sessionBurst',
      default: '500000',
      sentence: 'Bytes of stanzas that it may send at once after sending nothing for a while.',
    },
    RATE_WARMS_PER_JID: {
      kind: integer(0, 1_000_000),
      at: 'rates.warmsPerJid',
      default: '10',
      sentence: 'Warm calls for one user in a minute; those that `reuse` a session do not count.',
    },
    RATE_WARMS_PER_ADMIN: {
      kind: integer(0, 10_000_000),
      at: 'rates.warmsPerAdmin',
      default: '0',
      sentence: 'Warm calls of one admin in a minute, counted in the same way.',
    },
    RATE_FAILED_LOGINS: {
      kind: integer(0, 1_000_000),
      at: 'rates.failedLogins',
      default: '5',
      sentence:
        'Wrong admin secrets in a minute, for one name from one address; ten times as many for all names from one address.',
    },
  },
  Metrics: {
    METRICS_ADDRESS: {
      kind: metricsAddress,
      at: 'metrics.address',
      default: '127.0.0.1:9110',
      sentence:
        'Address and port that metrics for Prometheus are served at, under `/metrics`, such as `[::1]:9110`; `none` serves none, port 0 takes any free one.',
    },
    METRICS_MAX_ERROR_RATE: {
      kind: share,
      at: 'metrics.maxErrorRate',
      default: '0.05',
      sentence:
        'Largest share of failed requests in five minutes, from 0 to 1, that is logged without a warning; 0 never warns.',
    },
  },
  Logging: {
    LOG_LEVEL: {
      kind: logLevelsByPart,
      at: 'logLevels',
      default: 'info',
      sentence:
        'Least severe messages that are logged: `fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`; behind it may stand other levels for the parts `bosh`, `warm`, `c2s`, `remote` and `http`, as in `info,bosh=debug`.',
    },
  },
} as const satisfies Record<string, Record<string, Setting>>

/** The same by name alone. */
export const settings = {
  ...sections.Listening,
  ...sections.Admins,
  ...sections['XMPP servers'],
  ...sections['Remote endpoints'],
  ...sections.BOSH,
  ...sections.Warming,
  ...sections.Limits,
  ...sections.Metrics,
  ...sections.Logging,
} as const

export type Name = keyof typeof settings

type ValueOf<S extends Setting> =
  | (S['kind'] extends Kind<infer T> ? T : never)
  | (S extends { default: string } ? never : undefined)

/** The value of each setting. */
export type Values = { readonly [N in Name]: ValueOf<(typeof settings)[N]> }
