// Everything an operator can set. `.env.example` and the README's tables say the same; a test compares the three.

/** How a setting's text is read; `load.ts` has one reader for each. */
export type Kind =
  | 'integer'
  | 'boolean'
  | 'word'
  | 'text'
  | 'ciphers'
  | 'addresses'
  | 'ports'
  | 'files'
  | 'path'
  | 'host'
  | 'hosts'
  | 'domain'
  | 'url'
  | 'accounts'
  | 'accountsFile'
  | 'domains'
  | 'servers'
  | 'headers'
  | 'tokens'
  | 'mechanisms'
  | 'serviceAccounts'
  | 'serviceAccountsFile'
  | 'origins'
  | 'networks'
  | 'metricsAddress'
  | 'share'
  | 'logLevels'

/** Takes note of a problem, worded to follow the setting's name. Returns the value there is then. */
export type Report = (problem: string) => undefined

/** What a `boolean` may be written as, in lower case. */
export const switches: ReadonlyMap<string, boolean> = new Map([
  ...['on', 'true', 'yes', '1'].map(word => [word, true] as const),
  ...['off', 'false', 'no', '0'].map(word => [word, false] as const),
])

export const themes = [
  'Listening',
  'Admins',
  'XMPP servers',
  'Remote endpoints',
  'BOSH',
  'Warming',
  'Limits',
  'Metrics',
  'Logging',
] as const

export interface Setting {
  readonly theme: (typeof themes)[number]
  readonly kind: Kind
  /** As an operator would write it; absent where leaving the setting out means something of its own. */
  readonly default?: string
  /** What the documentation says instead of a default where the service does not start without a value. */
  readonly required?: string
  /** Smallest and largest value of an `integer`. */
  readonly range?: readonly [number, number]
  /** Values of a `word`. */
  readonly words?: readonly string[]
  /** What it does, for whoever sets it. */
  readonly sentence: string
}

/** The settings by the name of their environment variable, in the order of the documentation. */
export const settings = {
  HOST: {
    theme: 'Listening',
    kind: 'addresses',
    default: '127.0.0.1',
    sentence:
      'Addresses to listen on without TLS, separated by commas, each with a port of its own if wanted, as in `127.0.0.1:8080` or `[::1]:8081`; `0.0.0.0` or `::` is every interface.',
  },
  PORT: {
    theme: 'Listening',
    kind: 'ports',
    default: '8080',
    range: [0, 65535],
    sentence:
      'TCP port to listen on without TLS, or several, separated by commas; 0 takes any free one, and `off` stands for none.',
  },
  HTTPS_HOST: {
    theme: 'Listening',
    kind: 'addresses',
    sentence:
      'Addresses to listen on with TLS, written like HOST; those of HOST, without its ports, unless set.',
  },
  HTTPS_PORT: {
    theme: 'Listening',
    kind: 'ports',
    sentence:
      'TCP port to listen on with TLS, written like PORT; 8443 if there is a TLS_CERT or an HTTPS_HOST, none without them.',
  },
  TLS_CERT: {
    theme: 'Listening',
    kind: 'files',
    sentence:
      'PEM files of certificates, each with its chain unless there is a TLS_CHAIN, separated by commas; clients get the one with the name that they ask for, or else the first. They are read again on SIGHUP.',
  },
  TLS_CHAIN: {
    theme: 'Listening',
    kind: 'files',
    sentence:
      'PEM files of the certificates behind each of them up to an authority, in the same order, where they are not in its own file.',
  },
  TLS_KEY: {
    theme: 'Listening',
    kind: 'files',
    sentence:
      'PEM files of their keys, in the same order; unless set, each is in the file of its certificate or in `x.key` beside `x.crt`.',
  },
  TLS_KEY_PASSPHRASE: {
    theme: 'Listening',
    kind: 'text',
    sentence: 'Passphrase of keys that are encrypted.',
  },
  TLS_KEY_PASSPHRASE_FILE: {
    theme: 'Listening',
    kind: 'text',
    sentence: 'File with that passphrase.',
  },
  TLS_CIPHERS: {
    theme: 'Listening',
    kind: 'ciphers',
    sentence: 'Ciphers that a client may use, in the notation of OpenSSL; those of Node.js unless set.',
  },
  TLS_MIN_VERSION: {
    theme: 'Listening',
    kind: 'word',
    default: '1.2',
    words: ['1.2', '1.3'],
    sentence: 'Oldest version of TLS that a client may use.',
  },
  TLS_DHPARAM: {
    theme: 'Listening',
    kind: 'text',
    default: 'auto',
    sentence: 'PEM file of Diffie-Hellman parameters for clients without elliptic curves, or `auto`.',
  },
  LISTEN_BACKLOG: {
    theme: 'Listening',
    kind: 'integer',
    default: '511',
    range: [1, 65535],
    sentence:
      'Connections that wait at a time for being accepted; the system may allow less (`net.core.somaxconn`).',
  },
  MAX_CONNECTIONS: {
    theme: 'Listening',
    kind: 'integer',
    default: '0',
    range: [0, 1_000_000],
    sentence:
      'Connections that may be open at a time, after which new ones are closed at once; 0 is any number.',
  },
  MAX_CONNECTIONS_PER_ADDRESS: {
    theme: 'Listening',
    kind: 'integer',
    default: '1000',
    range: [0, 1_000_000],
    sentence:
      'The same for connections from one IPv4 address or one IPv6 network of 64 bits; TRUSTED_PROXIES may have any number.',
  },
  EXTERNAL_URL: {
    theme: 'Listening',
    kind: 'url',
    sentence:
      'URL under which browsers reach this service, such as `https://chat.example.org`, where it differs from HOST and PORT; needed behind a proxy, and for host-meta.',
  },
  HTTP_HOSTS: {
    theme: 'Listening',
    kind: 'hosts',
    sentence:
      'Names of HTTP hosts and the XMPP domains that they serve, as `chat.example.org=example.org,…`, with options behind a `?`; see *Hosts and paths*.',
  },
  HTTP_DEFAULT_HOST: {
    theme: 'Listening',
    kind: 'host',
    sentence: 'The one of them that also answers requests to any other host.',
  },
  HTTP_STRICT_HOST: {
    theme: 'Listening',
    kind: 'boolean',
    default: 'off',
    sentence: 'Answers requests to any other host with 421; unless set, all domains are served there.',
  },
  HOST_META_ENABLED: {
    theme: 'Listening',
    kind: 'boolean',
    default: 'on',
    sentence:
      'Tells clients the address of the BOSH endpoint at `/.well-known/host-meta` and `host-meta.json`, as far as EXTERNAL_URL, or the `url` of the host, has one that is https.',
  },
  ASSUME_SECURE: {
    theme: 'Listening',
    kind: 'boolean',
    default: 'off',
    sentence: 'Treats every request as encrypted; turn it on only behind a proxy that takes nothing but TLS.',
  },
  TRUSTED_PROXIES: {
    theme: 'Listening',
    kind: 'networks',
    default: 'loopback',
    sentence:
      'Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses and ranges such as `10.0.0.0/8`, separated by commas, or the words `loopback` and `private`; `none` believes nobody. On a machine with other users name no loopback address: any of its programs could claim any address, and https.',
  },
  ADMIN_USERS: {
    theme: 'Admins',
    kind: 'accounts',
    required: 'required, or ADMIN_USERS_FILE',
    sentence:
      'Accounts that may call the warm API, as `name:secret,…`, where the secret may be a hash made by `npm run hash-password`; write `%2C`, `%3A` and `%25` for a comma, colon or percent sign inside.',
  },
  ADMIN_USERS_FILE: {
    theme: 'Admins',
    kind: 'accountsFile',
    sentence:
      'File with more such accounts, one a line, `name:secret` or `name:secret:domain domain…` for an account that may warm only for these domains.',
  },
  XMPP_DOMAINS: {
    theme: 'XMPP servers',
    kind: 'domains',
    required: 'required',
    sentence:
      'Domains whose users may log in, separated by commas; `*.example.org` is every subdomain, `*` any domain at all.',
  },
  XMPP_SERVERS: {
    theme: 'XMPP servers',
    kind: 'servers',
    sentence:
      'Where to find the server of a domain that the DNS does not lead to, as `domain=xmpp://host:port,…`, or `xmpps://` for direct TLS, with options behind a `?`; `domain=https://host/http-bind` is a BOSH endpoint of somebody else, `domain=host-meta` asks the domain for one, and `*=…` stands for all other domains.',
  },
  XMPP_PREFER_DIRECT_TLS: {
    theme: 'XMPP servers',
    kind: 'boolean',
    default: 'off',
    sentence:
      'Tries direct TLS before STARTTLS where the service records of a domain offer both with the same priority.',
  },
  XMPP_PIPELINING: {
    theme: 'XMPP servers',
    kind: 'boolean',
    default: 'on',
    sentence:
      'Answers what a server offered to an earlier login without waiting for it to be offered again (XEP-0305): one or two round trips less. Only for logins with SCRAM; a server is tried with one, and left alone where that fails.',
  },
  XMPP_TLS_MIN_VERSION: {
    theme: 'XMPP servers',
    kind: 'word',
    default: '1.2',
    words: ['1.2', '1.3'],
    sentence: 'Oldest version of TLS that a link to a server may use.',
  },
  XMPP_TLS_CIPHERS: {
    theme: 'XMPP servers',
    kind: 'ciphers',
    sentence: 'Ciphers that such a link may use, in the notation of OpenSSL; those of Node.js unless set.',
  },
  XMPP_MECHANISMS: {
    theme: 'XMPP servers',
    kind: 'mechanisms',
    default:
      'SCRAM-SHA-512-PLUS,SCRAM-SHA-256-PLUS,SCRAM-SHA-1-PLUS,SCRAM-SHA-512,SCRAM-SHA-256,SCRAM-SHA-1,PLAIN',
    sentence:
      'Mechanisms that a login with a password may use, the one to prefer first; PLAIN never crosses an unencrypted link unless its server has `plain=on`.',
  },
  XMPP_SERVICE_ACCOUNTS: {
    theme: 'XMPP servers',
    kind: 'serviceAccounts',
    sentence:
      'Accounts that log in on behalf of users whose password is not known here, as `domain=user:password,…` or `*=user:password`, escaped like ADMIN_USERS; the XMPP server must allow them to.',
  },
  XMPP_SERVICE_ACCOUNTS_FILE: {
    theme: 'XMPP servers',
    kind: 'serviceAccountsFile',
    sentence: 'File with more such accounts, one a line.',
  },
  XMPP_RETIRED_DOMAINS: {
    theme: 'XMPP servers',
    kind: 'domains',
    sentence: 'Domains that were served once, written like those; their clients are told that they are gone.',
  },
  XMPP_KEEPALIVE: {
    theme: 'XMPP servers',
    kind: 'integer',
    default: '60',
    range: [0, 3600],
    sentence: 'Silence after which a space keeps a link to the server alive, in seconds; 0 sends none.',
  },
  REMOTE_ATTACH: {
    theme: 'Remote endpoints',
    kind: 'word',
    default: 'here',
    words: ['here', 'there'],
    sentence:
      'Whether the browsers of users at a remote BOSH endpoint come to this service, which passes on what they say, or are sent to that endpoint.',
  },
  REMOTE_CONNECT_TIMEOUT: {
    theme: 'Remote endpoints',
    kind: 'integer',
    default: '5',
    range: [1, 60],
    sentence: 'Longest time to connect to a remote endpoint, in seconds.',
  },
  REMOTE_TIMEOUT: {
    theme: 'Remote endpoints',
    kind: 'integer',
    default: '5',
    range: [1, 300],
    sentence:
      'Time that an answer of a remote endpoint may take beyond the `wait` agreed with it, in seconds.',
  },
  REMOTE_MAX_REPLY_BYTES: {
    theme: 'Remote endpoints',
    kind: 'integer',
    default: '8000000',
    range: [65536, 8_000_000],
    sentence:
      'Longest answer that is taken whole from a remote endpoint, in bytes; of a longer one stanzas are left out.',
  },
  REMOTE_HEADERS: {
    theme: 'Remote endpoints',
    kind: 'headers',
    sentence:
      'Further headers of every request to a remote endpoint, as `name=value,…`; write `%2C` and `%25` for a comma or percent sign inside.',
  },
  BOSH_ENABLED: {
    theme: 'BOSH',
    kind: 'boolean',
    default: 'on',
    sentence: 'Whether there is a BOSH endpoint at all.',
  },
  BOSH_PATH: {
    theme: 'BOSH',
    kind: 'path',
    default: '/http-bind',
    sentence:
      'Path of the BOSH endpoint, which browsers talk to; `$host` in it stands for the domain of an entry of HTTP_HOSTS.',
  },
  BOSH_DEFAULT_DOMAIN: {
    theme: 'BOSH',
    kind: 'domain',
    sentence:
      'Domain of clients that log in themselves and do not say at which; they are refused without it.',
  },
  BOSH_ASSUME_SECURE: {
    theme: 'BOSH',
    kind: 'boolean',
    default: 'off',
    sentence: 'Treats requests to the BOSH endpoint as encrypted, like ASSUME_SECURE, and no others.',
  },
  BOSH_MAX_WAIT: {
    theme: 'BOSH',
    kind: 'integer',
    default: '60',
    range: [1, 3600],
    sentence: "Longest time a request is held, in seconds; raise it only together with your proxy's timeout.",
  },
  BOSH_DEFAULT_HOLD: {
    theme: 'BOSH',
    kind: 'integer',
    default: '1',
    range: [0, 254],
    sentence:
      'Requests held at a time for a client that does not say how many; must be less than BOSH_MAX_REQUESTS.',
  },
  BOSH_MAX_REQUESTS: {
    theme: 'BOSH',
    kind: 'integer',
    default: '2',
    range: [2, 255],
    sentence: 'Requests that a client may have open at once.',
  },
  BOSH_INACTIVITY: {
    theme: 'BOSH',
    kind: 'integer',
    default: '150',
    range: [5, 86400],
    sentence:
      'Silence after which a session ends, in seconds; browsers wake a hidden tab only once a minute.',
  },
  BOSH_MAX_PAUSE: {
    theme: 'BOSH',
    kind: 'integer',
    default: '300',
    range: [0, 65535],
    sentence: 'Longest silence that a client may announce, in seconds; 0 turns pausing off.',
  },
  BOSH_POLLING: {
    theme: 'BOSH',
    kind: 'integer',
    default: '5',
    range: [1, 65535],
    sentence: 'Time that a client is asked to leave between two empty requests, in seconds.',
  },
  BOSH_ENFORCE_POLLING: {
    theme: 'BOSH',
    kind: 'boolean',
    default: 'off',
    sentence:
      'Ends the session of a client that asks more often than that; many clients do, after a reload for one.',
  },
  BOSH_ACKS: {
    theme: 'BOSH',
    kind: 'boolean',
    default: 'on',
    sentence: 'Lets clients acknowledge replies, where they ask for it.',
  },
  BOSH_REQUIRE_SECURE: {
    theme: 'BOSH',
    kind: 'boolean',
    default: 'off',
    sentence:
      'Creates sessions over encrypted channels only; others are sent to the https address, where one is known.',
  },
  BOSH_GET_TEXT: {
    theme: 'BOSH',
    kind: 'text',
    default: 'This is an XMPP BOSH endpoint: point your client here.',
    sentence: 'What people read who open the BOSH endpoint in a browser.',
  },
  ATTACH_BINDING: {
    theme: 'BOSH',
    kind: 'word',
    default: 'off',
    words: ['off', 'cookie', 'reply'],
    sentence:
      'Whether a warmed session answers only the browser that attached to it: with `cookie` its first answer sets a cookie, with `reply` the answer of the warm API carries one for the backend to set, which is demanded from the first request on.',
  },
  CORS_ORIGINS: {
    theme: 'BOSH',
    kind: 'origins',
    default: '*',
    sentence:
      'Origins whose pages may use the BOSH endpoint, such as `https://www.example.org`, separated by commas; `*` is any, and an empty value does not stand for none: write `none`.',
  },
  CORS_CREDENTIALS: {
    theme: 'BOSH',
    kind: 'boolean',
    default: 'off',
    sentence:
      'Lets those pages send cookies along, which ATTACH_BINDING needs; CORS_ORIGINS must list them then.',
  },
  CORS_HEADERS: {
    theme: 'BOSH',
    kind: 'tokens',
    default: 'Content-Type',
    sentence:
      'Headers that those pages may send, separated by commas; browsers want `Content-Type` among them for BOSH. `*` is any, which goes without CORS_CREDENTIALS only.',
  },
  CORS_METHODS: {
    theme: 'BOSH',
    kind: 'tokens',
    default: 'GET, POST, OPTIONS',
    sentence: 'Methods that those pages are told they may use, separated by commas.',
  },
  CORS_MAX_AGE: {
    theme: 'BOSH',
    kind: 'integer',
    default: '7200',
    range: [0, 86400],
    sentence: 'Time that browsers may remember what those pages may do, in seconds.',
  },
  WARM_ENABLED: {
    theme: 'Warming',
    kind: 'boolean',
    default: 'on',
    sentence: 'Whether there is a warm API at all.',
  },
  WARM_PATH: {
    theme: 'Warming',
    kind: 'path',
    default: '/warm',
    sentence: 'Path of the warm API, which backends talk to; `$host` as in BOSH_PATH.',
  },
  WARM_TIMEOUT: {
    theme: 'Warming',
    kind: 'integer',
    default: '15',
    range: [1, 300],
    sentence: 'Longest time a login may take, in seconds.',
  },
  WARM_STEP_TIMEOUT: {
    theme: 'Warming',
    kind: 'integer',
    default: '10',
    range: [1, 300],
    sentence: 'Longest time that a single step of a login may take, in seconds.',
  },
  WARM_ANONYMOUS: {
    theme: 'Warming',
    kind: 'boolean',
    default: 'off',
    sentence: 'Warms anonymous sessions, by SASL ANONYMOUS, where the JID is nothing but a domain.',
  },
  WARM_ATTACH_TIMEOUT: {
    theme: 'Warming',
    kind: 'integer',
    default: '120',
    range: [5, 600],
    sentence: 'Time a browser has for its first request to a warmed session, in seconds.',
  },
  SCRAM_MEMORY: {
    theme: 'Warming',
    kind: 'integer',
    default: '300',
    range: [0, 3600],
    sentence:
      "Time a salted password is remembered under a keyed hash, in seconds, so that the same user's next login costs no hashing; 0 turns it off.",
  },
  SCRAM_MAX_ITERATIONS: {
    theme: 'Warming',
    kind: 'integer',
    default: '200000',
    range: [4096, 10_000_000],
    sentence: 'Most hashing rounds an XMPP server may ask of a login; one that asks for more is refused.',
  },
  WARM_ALLOW: {
    theme: 'Limits',
    kind: 'networks',
    default: 'loopback, private',
    sentence: 'Addresses that may call the warm API, written like TRUSTED_PROXIES; `any` is all of them.',
  },
  WARM_DENY: {
    theme: 'Limits',
    kind: 'networks',
    default: 'none',
    sentence: 'Those among them that may not.',
  },
  BOSH_ALLOW: {
    theme: 'Limits',
    kind: 'networks',
    default: 'any',
    sentence: 'Addresses that may use the BOSH endpoint.',
  },
  BOSH_DENY: {
    theme: 'Limits',
    kind: 'networks',
    default: 'none',
    sentence: 'Those among them that may not.',
  },
  MAX_SESSIONS: {
    theme: 'Limits',
    kind: 'integer',
    default: '20000',
    range: [0, 10_000_000],
    sentence: 'Sessions at a time; 0 is any number, here and in every limit below.',
  },
  MAX_SESSIONS_PER_ADDRESS: {
    theme: 'Limits',
    kind: 'integer',
    default: '200',
    range: [0, 10_000_000],
    sentence:
      'Those that clients of one IPv4 address or one IPv6 network of 64 bits have opened themselves; TRUSTED_PROXIES may have any number, and what is warmed does not count.',
  },
  MAX_UNAUTHENTICATED_PER_ADDRESS: {
    theme: 'Limits',
    kind: 'integer',
    default: '20',
    range: [0, 10_000_000],
    sentence: 'The same for sessions that nobody has logged in to yet.',
  },
  BOSH_LOGIN_TIMEOUT: {
    theme: 'Limits',
    kind: 'integer',
    default: '60',
    range: [0, 3600],
    sentence:
      'Time that a client has to log in to a session that it has opened itself, in seconds; who registers first has no more.',
  },
  MAX_SESSIONS_PER_JID: {
    theme: 'Limits',
    kind: 'integer',
    default: '20',
    range: [0, 1_000_000],
    sentence: 'Sessions of one user at a time, warmed or not.',
  },
  MAX_HELD_REQUESTS: {
    theme: 'Limits',
    kind: 'integer',
    default: '40000',
    range: [0, 10_000_000],
    sentence: 'BOSH requests that wait for an answer at a time.',
  },
  MAX_UNFINISHED_MB: {
    theme: 'Limits',
    kind: 'integer',
    default: '64',
    range: [0, 1_000_000],
    sentence:
      'Memory, in MiB, for BOSH requests that have come in part, an eighth of it for those of one address, counted like MAX_SESSIONS_PER_ADDRESS; others that come in parts are answered 503 meanwhile.',
  },
  MAX_MEMORY_MB: {
    theme: 'Limits',
    kind: 'integer',
    default: '0',
    range: [0, 1_000_000],
    sentence:
      'Memory that this process may have, in MiB, before it takes no new sessions until some have gone; 0 leaves it at 80 % of what the machine or the container has. Three quarters of the heap of Node.js hold in any case.',
  },
  RATE_SESSIONS_PER_ADDRESS: {
    theme: 'Limits',
    kind: 'integer',
    default: '10',
    range: [0, 1_000_000],
    sentence:
      'Sessions that clients of one address may open themselves in a second, on average over five seconds; counted like MAX_SESSIONS_PER_ADDRESS.',
  },
  RATE_SESSION_BYTES: {
    theme: 'Limits',
    kind: 'integer',
    default: '100000',
    range: [0, 1_000_000_000],
    sentence:
      'Bytes of stanzas that a client may send in a second; what is more waits for its turn, and nothing is lost.',
  },
  RATE_SESSION_BURST: {
    theme: 'Limits',
    kind: 'integer',
    default: '500000',
    range: [0, 1_000_000_000],
    sentence: 'What it may send at once, in bytes, after a silence.',
  },
  RATE_WARMS_PER_JID: {
    theme: 'Limits',
    kind: 'integer',
    default: '10',
    range: [0, 1_000_000],
    sentence: 'Warm calls for one user in a minute; those that `reuse` a session do not count.',
  },
  RATE_WARMS_PER_ADMIN: {
    theme: 'Limits',
    kind: 'integer',
    default: '0',
    range: [0, 10_000_000],
    sentence: 'Warm calls of one admin in a minute, counted in the same way.',
  },
  RATE_FAILED_LOGINS: {
    theme: 'Limits',
    kind: 'integer',
    default: '5',
    range: [0, 1_000_000],
    sentence:
      'Wrong admin secrets in a minute, for one name from one address; ten times as many for all names from one address.',
  },
  METRICS_ADDRESS: {
    theme: 'Metrics',
    kind: 'metricsAddress',
    default: '127.0.0.1:9110',
    sentence:
      'Address and port that metrics for Prometheus are served at, under `/metrics`, such as `[::1]:9110`; `none` serves none, port 0 takes any free one.',
  },
  METRICS_MAX_ERROR_RATE: {
    theme: 'Metrics',
    kind: 'share',
    default: '0.05',
    sentence:
      'Largest share of failed requests in five minutes, from 0 to 1, that is logged without a warning; 0 never warns.',
  },
  LOG_LEVEL: {
    theme: 'Logging',
    kind: 'logLevels',
    default: 'info',
    sentence:
      'Least severe messages that are logged: `fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`; behind it may stand other levels for the parts `bosh`, `warm`, `c2s`, `remote` and `http`, as in `info,bosh=debug`.',
  },
} as const satisfies Record<string, Setting>

export type Name = keyof typeof settings
