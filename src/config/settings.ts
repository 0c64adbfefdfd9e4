// Everything an operator can set, each setting in one place. From here come the types of `Config`, what is read and
// checked, `.env.example` and docs/settings.md: `npm run settings` writes the two.
import {
  adminAccounts,
  adminAccountsFile,
  serviceAccounts,
  serviceAccountsFile,
} from './kinds/account-lists.js'
import { eventsSecret, eventsSecretFile, eventsUrl } from './kinds/event-receiver.js'
import { hostEntries } from './kinds/hosts.js'
import {
  auditLog,
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
  passwordMechanisms,
  path,
  processes,
  share,
  text,
  tlsVersion,
  tokens,
  word,
} from './kinds/kinds.js'
import { addresses, metricsAddress, ports } from './kinds/listen-addresses.js'
import {
  natsCa,
  natsCertificate,
  natsCredsFile,
  natsKey,
  natsSeedFile,
  natsServers,
  natsSubject,
  natsTokenFile,
} from './kinds/nats-kinds.js'
import { readNetworks } from './kinds/networks.js'
import { serversByDomain } from './kinds/servers.js'

/** A setting, as a row of the table below gives it. */
export type Setting = ReturnType<ReturnType<typeof at>['means']>

/** A setting whose value stands in `Config` as it is: its place, its kind and its default; then its sentence. */
function at<
  const Place extends string | undefined,
  K extends Kind<unknown>,
  const Default extends string | undefined = undefined,
>(place: Place, kind: K, usual?: Default) {
  return {
    means: (sentence: string, required?: string) => ({
      /** Where its value stands in `Config`; undefined where that is made of several settings. */
      at: place,
      /** Reads its text. */
      kind,
      /** As an operator would write it; undefined where leaving the setting out means something of its own. */
      default: usual as Default,
      /** What it does, for the operator. */
      sentence,
      /** What the documentation says instead of a default where the service does not start without a value. */
      required,
    }),
  }
}

/** A setting that goes into values of `Config` with others; see `joinedValues`. */
function joined<K extends Kind<unknown>, const Default extends string | undefined = undefined>(
  kind: K,
  usual?: Default,
) {
  return at<undefined, K, Default>(undefined, kind, usual)
}

/** The settings by section and by the name of their environment variable, in the order of the documentation. */
export const sections = {
  Listening: {
    HOST: joined(addresses, '127.0.0.1').means(
      'Addresses to listen on without TLS, separated by commas, each with a port of its own if wanted, as in `127.0.0.1:8080` or `[::1]:8081`; `0.0.0.0` or `::` is every interface.',
    ),
    PORT: joined(ports, '8080').means(
      'TCP port to listen on without TLS, or several, separated by commas; 0 takes any free one, and `off` stands for none.',
    ),
    HTTPS_HOST: joined(addresses).means(
      'Addresses to listen on with TLS, written like HOST; those of HOST, without its ports, unless set.',
    ),
    HTTPS_PORT: joined(ports).means(
      'TCP port to listen on with TLS, written like PORT; 8443 if there is a TLS_CERT or an HTTPS_HOST, none without them.',
    ),
    TLS_CERT: joined(files, '').means(
      'PEM files of certificates, each with its chain unless there is a TLS_CHAIN, separated by commas; clients get the one with the name that they ask for, or else the first. They are read again on SIGHUP.',
    ),
    TLS_CHAIN: joined(files).means(
      'PEM files of the certificates behind each of them up to an authority, in the same order, where they are not in its own file.',
    ),
    TLS_KEY: joined(files).means(
      'PEM files of their keys, in the same order; unless set, each is in the file of its certificate or in `x.key` beside `x.crt`.',
    ),
    TLS_KEY_PASSPHRASE: joined(text).means('Passphrase of keys that are encrypted.'),
    TLS_KEY_PASSPHRASE_FILE: joined(text).means('File with the passphrase of encrypted keys.'),
    TLS_CIPHERS: joined(ciphers).means(
      'Ciphers that a client may use, in the notation of OpenSSL; those of Node.js unless set.',
    ),
    TLS_MIN_VERSION: joined(tlsVersion, '1.2').means('Oldest version of TLS that a client may use.'),
    TLS_DHPARAM: joined(text, 'auto').means(
      'PEM file of Diffie-Hellman parameters for clients without elliptic curves, or `auto`.',
    ),
    LISTEN_BACKLOG: at('listen.backlog', integer(1, 65535), '511').means(
      'Connections that wait at a time for being accepted; the system may allow less (`net.core.somaxconn`).',
    ),
    MAX_CONNECTIONS: at('listen.maxConnections', integer(0, 1_000_000), '0').means(
      'Connections that may be open at a time, after which new ones are closed at once. A tenth is kept for addresses that may call the warm API. 0 is any number.',
    ),
    MAX_CONNECTIONS_PER_ADDRESS: at('listen.maxConnectionsPerAddress', integer(0, 1_000_000), '1000').means(
      'The same for connections from one IPv4 address or one IPv6 network of 64 bits; TRUSTED_PROXIES may have any number.',
    ),
    EXTERNAL_URL: at('externalUrl', baseUrl).means(
      'URL under which browsers reach this service, such as `https://chat.example.org`, where it differs from HOST and PORT; needed behind a proxy, and for host-meta.',
    ),
    HTTP_HOSTS: joined(hostEntries, '').means(
      'Names of HTTP hosts and the XMPP domains that they serve, as `chat.example.org=example.org,…`, with options behind a `?`; see *Hosts and paths* in docs/production.md.',
    ),
    HTTP_DEFAULT_HOST: at('http.defaultHost', hostName).means(
      'Host of HTTP_HOSTS that also answers requests to any other host.',
    ),
    HTTP_STRICT_HOST: at('http.strictHost', boolean, 'off').means(
      'Answers requests to any other host with 421; unless set, all domains are served there.',
    ),
    HOST_META_ENABLED: at('http.hostMeta', boolean, 'on').means(
      'Tells clients the addresses of the BOSH and WebSocket endpoints at `/.well-known/host-meta` and `host-meta.json`, as far as EXTERNAL_URL, or the `url` of the host, has an address that is https.',
    ),
    HTTP_FAST: at('http.fast', boolean, 'on').means(
      'Reads requests and writes replies past the streams of Node.js, where its version is 20, 22 or 24; `off` is slower, and looks the same to clients.',
    ),
    ASSUME_SECURE: at('assumeSecure', boolean, 'off').means(
      'Treats every request as encrypted; turn it on only behind a proxy that takes nothing but TLS.',
    ),
    TRUSTED_PROXIES: at('trustedProxies', readNetworks, 'loopback').means(
      'Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses and ranges such as `10.0.0.0/8`, separated by commas, or the words `loopback` and `private`; `none` stands for no proxy at all. On a machine with other users name no loopback address: any of its programs could claim any address, and https. No client may have an address that is named here: it could claim any other, and so pass limits.',
    ),
  },
  Processes: {
    WORKERS: at('workers', processes, '0').means(
      'Processes that share the work, with one more that looks after them: a number from 1 to 256, or `auto` for as many as there are cores; with 0 the service is one process by itself. See *One machine: workers, upgrades* in docs/production.md.',
    ),
    DRAIN_TIME: at('drainTime', integer(0, 86400), '0').means(
      'Time that sessions have to end by themselves on SIGTERM, and in a worker that is replaced, while no new ones are taken, in seconds; with 0 they are ended at once.',
    ),
    NATS_URL: joined(natsServers).means(
      'Servers of NATS that carry between the processes of this service, as `tls://nats.example.org:4222`, separated by commas, with `user:password@` before the host if NATS wants that; with `nats://` it may offer TLS, and has to unless it is on this machine. See *Several machines* in docs/production.md.',
    ),
    NATS_CREDS_FILE: joined(natsCredsFile).means(
      'File with the JWT and the seed that NATS knows this service by.',
    ),
    NATS_NKEY_FILE: joined(natsSeedFile).means(
      'File with the seed of the nkey that NATS knows this service by.',
    ),
    NATS_TOKEN: joined(text).means('Token that NATS knows this service by.'),
    NATS_TOKEN_FILE: joined(natsTokenFile).means('File with that token.'),
    NATS_TLS_CA: joined(natsCa).means(
      'PEM file of the authorities that the certificate of NATS may be from; those of Node.js unless set.',
    ),
    NATS_TLS_CERT: joined(natsCertificate).means(
      'PEM file of a certificate that this service shows to NATS, with its chain.',
    ),
    NATS_TLS_KEY: joined(natsKey).means('PEM file of its key, unless that is in the same file.'),
    NATS_SUBJECT: joined(natsSubject, 'warm-bindings').means(
      'Beginning of the subjects that are used; services with another one do not hear each other.',
    ),
    NATS_ALLOW_PLAINTEXT: joined(boolean, 'off').means(
      'Goes on without TLS where `nats://` leads to another machine and NATS offers none: what the processes tell each other, users’ stanzas and passwords among it, can be read and forged on the way.',
    ),
  },
  Admins: {
    ADMIN_USERS: joined(adminAccounts, '').means(
      'Accounts that may call the warm API, as `name:secret,…`, where the secret may be a hash made by `warm-bindings hash-password`; write `%2C`, `%3A` and `%25` for a comma, colon or percent sign inside.',
      'required, or ADMIN_USERS_FILE',
    ),
    ADMIN_USERS_FILE: joined(adminAccountsFile, '').means(
      'File with more such accounts, one a line, `name:secret` or `name:secret:domain domain…` for an account that may warm only for these domains.',
    ),
  },
  'XMPP servers': {
    XMPP_DOMAINS: at('domains', domainPatterns, '').means(
      'Domains whose users may log in, separated by commas; `*.example.org` is every subdomain, `*` any domain at all.',
      'required',
    ),
    XMPP_SERVERS: joined(serversByDomain, '').means(
      'Where to find the server of a domain that the DNS does not lead to, as `domain=xmpp://host:port,…`, or `xmpps://` for direct TLS, with options behind a `?`; `domain=https://host/http-bind` is the BOSH endpoint of another service, `domain=host-meta` asks the domain for one, and `*=…` stands for all other domains.',
    ),
    XMPP_PREFER_DIRECT_TLS: at('preferDirectTls', boolean, 'off').means(
      'Tries direct TLS before STARTTLS where the service records of a domain offer both with the same priority.',
    ),
    XMPP_PIPELINING: at('pipelining', boolean, 'on').means(
      'Answers what a server offered to an earlier login without waiting for it to be offered again (XEP-0305): one or two round trips less. Only for logins with SCRAM; a server is tried with one, and left alone where that fails.',
    ),
    XMPP_TLS_MIN_VERSION: at('tls.minVersion', tlsVersion, '1.2').means(
      'Oldest version of TLS that a link to a server may use.',
    ),
    XMPP_TLS_CIPHERS: at('tls.ciphers', ciphers).means(
      'Ciphers that such a link may use, in the notation of OpenSSL; those of Node.js unless set.',
    ),
    XMPP_MECHANISMS: at('mechanisms', mechanisms, passwordMechanisms.join(',')).means(
      'Mechanisms that a login with a password may use, the one to prefer first; PLAIN never crosses an unencrypted link unless its server has `plain=on`.',
    ),
    XMPP_SERVICE_ACCOUNTS: joined(serviceAccounts, '').means(
      'Accounts that log in on behalf of users whose password is not known here, as `domain=user:password,…` or `*=user:password`, escaped like ADMIN_USERS; the XMPP server must allow them to.',
    ),
    XMPP_SERVICE_ACCOUNTS_FILE: joined(serviceAccountsFile, '').means(
      'File with more such accounts, one a line.',
    ),
    XMPP_RETIRED_DOMAINS: at('retiredDomains', domainPatterns, '').means(
      'Domains that were served once, written like XMPP_DOMAINS; clients that ask for them are told that they are gone.',
    ),
    XMPP_KEEPALIVE: at('keepalive', integer(0, 3600), '60').means(
      'Time without traffic after which a space keeps a link to the server alive, in seconds; 0 sends none.',
    ),
    XMPP_TIMEOUT: at('serverTimeout', integer(0, 3600), '60').means(
      'Time that a server has to answer a ping, in seconds; 0 sends none. Without an answer the session ends. A server is pinged if it sends nothing for a quarter of this time after something was sent to it.',
    ),
  },
  'Remote endpoints': {
    REMOTE_ATTACH: at('remote.attach', word('here', 'there'), 'here').means(
      'Whether the browsers of users at a remote BOSH endpoint come to this service, which passes on what they say, or are sent to that endpoint.',
    ),
    REMOTE_CONNECT_TIMEOUT: at('remote.connectTimeout', integer(1, 60), '5').means(
      'Longest time to connect to a remote endpoint, in seconds.',
    ),
    REMOTE_TIMEOUT: at('remote.timeout', integer(1, 300), '5').means(
      'Time that an answer of a remote endpoint may take beyond the `wait` agreed with it, in seconds.',
    ),
    REMOTE_MAX_REPLY_BYTES: at('remote.maxReplyBytes', integer(65536, 8_000_000), '8000000').means(
      'Longest answer that is taken whole from a remote endpoint, in bytes; of a longer one stanzas are left out. Stanzas beyond 10,000 are always left out.',
    ),
    REMOTE_HEADERS: at('remote.headers', headers, '').means(
      'Further headers of every request to a remote endpoint, as `name=value,…`; write `%2C` and `%25` for a comma or percent sign inside.',
    ),
  },
  BOSH: {
    BOSH_ENABLED: at('bosh.enabled', boolean, 'on').means('Whether there is a BOSH endpoint at all.'),
    BOSH_PATH: at('boshPath', path, '/http-bind').means(
      'Path of the BOSH endpoint, which browsers talk to; `$host` in it stands for the domain of an entry of HTTP_HOSTS.',
    ),
    BOSH_DEFAULT_DOMAIN: at('bosh.defaultDomain', domain).means(
      'Domain of clients that log in themselves and do not say at which; they are refused without it.',
    ),
    BOSH_ASSUME_SECURE: at('bosh.assumeSecure', boolean, 'off').means(
      'Treats requests to the BOSH endpoint as encrypted, like ASSUME_SECURE, and no others.',
    ),
    BOSH_MAX_WAIT: at('bosh.maxWait', integer(1, 3600), '60').means(
      "Longest time a request is held, in seconds; raise it only together with your proxy's timeout.",
    ),
    BOSH_DEFAULT_HOLD: at('bosh.defaultHold', integer(0, 254), '1').means(
      'Requests held at a time for a client that does not say how many; must be less than BOSH_MAX_REQUESTS.',
    ),
    BOSH_MAX_REQUESTS: at('bosh.maxRequests', integer(2, 255), '2').means(
      'Requests that a client may have open at once.',
    ),
    BOSH_INACTIVITY: at('bosh.inactivity', integer(5, 86400), '150').means(
      'Time without an open request after which a session ends, in seconds; browsers wake a hidden tab only once a minute.',
    ),
    BOSH_MAX_PAUSE: at('bosh.maxPause', integer(0, 65535), '300').means(
      'Longest pause that a client may announce, in seconds; 0 turns pausing off.',
    ),
    BOSH_POLLING: at('bosh.polling', integer(1, 65535), '5').means(
      'Time that a client is asked to leave between two empty requests, in seconds.',
    ),
    BOSH_ENFORCE_POLLING: at('bosh.enforcePolling', boolean, 'off').means(
      'Ends the session of a client that asks more often than that; many clients do, after a reload for one.',
    ),
    BOSH_ACKS: at('bosh.acks', boolean, 'on').means(
      'Lets clients acknowledge replies, where they ask for it.',
    ),
    BOSH_REQUIRE_SECURE: at('bosh.requireSecure', boolean, 'off').means(
      'Creates sessions over encrypted channels only; others are sent to the https address, where one is known.',
    ),
    BOSH_GET_TEXT: at('bosh.getText', text, 'This is an XMPP BOSH endpoint: point your client here.').means(
      'Text of the page that a browser shows at the BOSH endpoint.',
    ),
    ATTACH_BINDING: at('bosh.attachBinding', word('off', 'cookie', 'reply'), 'off').means(
      'Whether a warmed session answers only the browser that attached to it: with `cookie` its first answer sets a cookie, with `reply` the answer of the warm API carries one for the backend to set, which is demanded from the first request on.',
    ),
    CORS_ORIGINS: at('cors.origins', origins, '*').means(
      'Origins whose pages may use the BOSH endpoint, such as `https://www.example.org`, separated by commas; `*` is any, and an empty value does not stand for none: write `none`.',
    ),
    CORS_CREDENTIALS: at('cors.credentials', boolean, 'off').means(
      'Lets those pages send cookies along, which ATTACH_BINDING needs; CORS_ORIGINS must list them then.',
    ),
    CORS_HEADERS: at('cors.headers', tokens, 'Content-Type').means(
      'Headers that those pages may send, separated by commas; browsers want `Content-Type` among them for BOSH. `*` is any, which goes without CORS_CREDENTIALS only.',
    ),
    CORS_METHODS: at('cors.methods', tokens, 'GET, POST, OPTIONS').means(
      'Methods that those pages are told they may use, separated by commas.',
    ),
    CORS_MAX_AGE: at('cors.maxAge', integer(0, 86400), '7200').means(
      'Time that browsers may remember what those pages may do, in seconds.',
    ),
  },
  WebSocket: {
    WEBSOCKET_ENABLED: at('websocket.enabled', boolean, 'on').means(
      'Whether there is a WebSocket endpoint at all.',
    ),
    WEBSOCKET_PATH: at('websocketPath', path, '/xmpp-websocket').means(
      'Path of the WebSocket endpoint; `$host` in it stands for the domain of an entry of HTTP_HOSTS. Domains of one host may share it.',
    ),
    WEBSOCKET_ORIGINS: at('websocket.origins', origins, '*').means(
      'Origins whose pages may use the WebSocket endpoint, such as `https://www.example.org`, separated by commas; `*` is any, and an empty value does not stand for none: write `none`. Programs that are no browsers send no origin, and may use it.',
    ),
    WEBSOCKET_ASSUME_SECURE: at('websocket.assumeSecure', boolean, 'off').means(
      'Treats connections to the WebSocket endpoint as encrypted, like ASSUME_SECURE, and no others.',
    ),
    WEBSOCKET_REQUIRE_SECURE: at('websocket.requireSecure', boolean, 'off').means(
      'Opens streams over encrypted connections only; other clients are sent to the wss address, where one is known.',
    ),
    WEBSOCKET_PING_INTERVAL: at('websocket.pingInterval', integer(0, 3600), '30').means(
      'Time between two pings, in seconds; 0 sends none. Clients on phones keep their battery longer with 60.',
    ),
    WEBSOCKET_PONG_TIMEOUT: at('websocket.pongTimeout', integer(1, 300), '10').means(
      'Time that the answer to a ping may take, in seconds; 15 suits phones better.',
    ),
    WEBSOCKET_IDLE_TIMEOUT: at('websocket.idleTimeout', integer(0, 86400), '840').means(
      'Time without a single frame, pongs included, after which a connection ends, in seconds; 0 is any time. Proxies in front need a longer one.',
    ),
    WEBSOCKET_CLOSE_TIMEOUT: at('websocket.closeTimeout', integer(1, 60), '5').means(
      'Time that a client has to close its side of the stream and of the WebSocket, in seconds. After that its connection is cut off.',
    ),
    WEBSOCKET_RESUME: at('websocket.resumeSeconds', integer(5, 86400), '120').means(
      'Time that a warmed session waits for its page after the connection of that has broken, in seconds.',
    ),
    WEBSOCKET_MAX_FRAGMENTS: at('websocket.maxFragments', integer(1, 1000), '8').means(
      'Frames that one message may be sent in.',
    ),
    WEBSOCKET_GET_TEXT: at(
      'websocket.getText',
      text,
      'This is an XMPP WebSocket endpoint: point your client here.',
    ).means('Text of the page that a browser shows at the WebSocket endpoint.'),
  },
  Warming: {
    WARM_ENABLED: at('warm.enabled', boolean, 'on').means('Whether there is a warm API at all.'),
    WARM_PATH: at('warmPath', path, '/warm').means(
      'Path of the warm API, which backends talk to; `$host` as in BOSH_PATH.',
    ),
    WARM_TIMEOUT: at('warm.timeout', integer(1, 300), '15').means(
      'Longest time a login may take, in seconds.',
    ),
    WARM_STEP_TIMEOUT: at('warm.stepTimeout', integer(1, 300), '10').means(
      'Longest time that a single step of a login may take, in seconds.',
    ),
    WARM_ANONYMOUS: at('warm.anonymous', boolean, 'off').means(
      'Warms anonymous sessions, by SASL ANONYMOUS, where the JID is nothing but a domain.',
    ),
    WARM_ATTACH_TIMEOUT: at('warm.attachTimeout', integer(5, 600), '120').means(
      'Time a browser has for its first request to a warmed session, in seconds.',
    ),
    SCRAM_MEMORY: at('warm.scramMemory', integer(0, 3600), '300').means(
      "Time a salted password is remembered under a keyed hash, in seconds, so that the same user's next login costs no hashing; 0 turns it off.",
    ),
    SCRAM_MAX_ITERATIONS: at('warm.scramMaxIterations', integer(4096, 10_000_000), '200000').means(
      'Most hashing rounds an XMPP server may ask of a login; one that asks for more is refused.',
    ),
  },
  Events: {
    EVENTS_URL: joined(eventsUrl).means(
      "URL of a portal's backend that is told how the sessions go on which the warm API has given to pages, such as `https://portal.example.org/chat/events`; plain http only to a loopback address. See *Events* in docs/embed.md.",
    ),
    EVENTS_SECRET: joined(eventsSecret).means(
      'Secret that signs what is sent there: a text of 16 bytes or more, or `whsec_` and a key in base64.',
    ),
    EVENTS_SECRET_FILE: joined(eventsSecretFile).means('File with that secret.'),
  },
  Limits: {
    WARM_ALLOW: at('access.warm.allow', readNetworks, 'loopback, private').means(
      'Addresses that may call the warm API, written like TRUSTED_PROXIES; `any` is all of them.',
    ),
    WARM_DENY: at('access.warm.deny', readNetworks, 'none').means(
      'Addresses that may not call the warm API although WARM_ALLOW has them.',
    ),
    BOSH_ALLOW: at('access.bosh.allow', readNetworks, 'any').means(
      'Addresses that may use the BOSH endpoint.',
    ),
    BOSH_DENY: at('access.bosh.deny', readNetworks, 'none').means(
      'Addresses that may not use the BOSH endpoint although BOSH_ALLOW has them.',
    ),
    WEBSOCKET_ALLOW: at('access.websocket.allow', readNetworks, 'any').means(
      'Addresses that may use the WebSocket endpoint.',
    ),
    WEBSOCKET_DENY: at('access.websocket.deny', readNetworks, 'none').means(
      'Addresses that may not use the WebSocket endpoint although WEBSOCKET_ALLOW has them.',
    ),
    MAX_SESSIONS: at('limits.sessions', integer(0, 10_000_000), '20000').means(
      'Sessions at a time. A quarter of them may be sessions that clients have opened themselves and no user has logged in to yet. 0 is any number, here and in every limit below.',
    ),
    MAX_SESSIONS_PER_ADDRESS: at('limits.sessionsPerAddress', integer(0, 10_000_000), '200').means(
      'Sessions that clients of one IPv4 address or one IPv6 network of 64 bits have opened themselves. A proxy that TRUSTED_PROXIES has as a single address or as loopback may have any number, and warmed sessions do not count.',
    ),
    MAX_UNAUTHENTICATED_PER_ADDRESS: at(
      'limits.unauthenticatedPerAddress',
      integer(0, 10_000_000),
      '20',
    ).means(
      'The same for sessions that no user has logged in to yet. Sessions past BOSH_LOGIN_TIMEOUT do not count. At the limit, one with refused logins, or without any for five seconds, ends and makes room.',
    ),
    BOSH_LOGIN_TIMEOUT: at('limits.loginTimeout', integer(0, 3600), '60').means(
      'Time that a client has to log in to a session that it has opened itself, in seconds; registering an account first gives no more.',
    ),
    MAX_SESSIONS_PER_JID: at('limits.sessionsPerJid', integer(0, 1_000_000), '20').means(
      'Sessions of one user at a time, warmed or not.',
    ),
    MAX_HELD_REQUESTS: at('limits.heldRequests', integer(0, 10_000_000), '40000').means(
      'BOSH requests that wait for an answer at a time. At this limit no new sessions are opened, and each session holds one request at most. A tenth is kept for warm calls and users that are logged in.',
    ),
    MAX_STANZA_BYTES: at('limits.stanzaBytes', integer(10_000, 1_048_576), '262144').means(
      'Longest stanza of a client over BOSH or WebSocket, in bytes. A longer one ends its session with `policy-violation`. A WebSocket message may be twice as long. A BOSH body may also, or have 524288 if that is more. A stanza of a server, such as a roster, may be four times as long; a longer one is left out.',
    ),
    MAX_UNFINISHED_MB: at('limits.unfinishedMegabytes', integer(0, 1_000_000), '64').means(
      'Memory, in MiB, for BOSH requests and WebSocket messages that have come in part, and BOSH requests that wait for their turn, an eighth of it for those of one address, counted like MAX_SESSIONS_PER_ADDRESS; others that come in parts or ahead of their turn are answered 503 meanwhile.',
    ),
    MAX_UNREAD_MB: at('limits.unreadMegabytes', integer(0, 1_000_000), '64').means(
      'Memory, in MiB, for HTTP replies that clients have not read; 0 is any number. When it is full, connections whose clients read nothing for 10 seconds are closed, the largest backlog first. A connection whose client reads nothing for a minute is closed in any case.',
    ),
    MAX_MEMORY_MB: at('limits.megabytes', integer(0, 1_000_000), '0').means(
      'Memory that this process may have, in MiB, before it takes no new sessions until some have gone; 0 leaves it at 80 % of what the machine or the container has, in equal parts for WORKERS. Three quarters of the heap of Node.js hold in any case.',
    ),
    RATE_SESSIONS_PER_ADDRESS: at('rates.sessionsPerAddress', integer(0, 1_000_000), '10').means(
      'Sessions that clients of one address may open themselves in a second, on average over five seconds; counted like MAX_SESSIONS_PER_ADDRESS.',
    ),
    RATE_SESSION_BYTES: at('rates.sessionBytes', integer(0, 1_000_000_000), '100000').means(
      'Bytes of stanzas that a client may send in a second; what is more waits for its turn, and nothing is lost.',
    ),
    RATE_SESSION_BURST: at('rates.sessionBurst', integer(0, 1_000_000_000), '500000').means(
      'Bytes of stanzas that it may send at once after sending nothing for a while.',
    ),
    RATE_WARMS_PER_JID: at('rates.warmsPerJid', integer(0, 1_000_000), '10').means(
      'Warm calls for one user in a minute; those that `reuse` a session do not count. In a call with an `authzid`, a wrong password also counts for the account that logs in.',
    ),
    RATE_WARMS_PER_ADMIN: at('rates.warmsPerAdmin', integer(0, 10_000_000), '0').means(
      'Warm calls of one admin in a minute, counted in the same way.',
    ),
    RATE_LOGINS_PER_ADDRESS: at('rates.loginsPerAddress', integer(0, 1_000_000), '20').means(
      'Refused logins of clients that log in by themselves, in a minute, from one address at one domain; three times as many at all domains together. Above it each login from there waits: half a second, then twice as long each time, up to 20 s or half of BOSH_LOGIN_TIMEOUT. Counted like MAX_SESSIONS_PER_ADDRESS.',
    ),
    RATE_FAILED_LOGINS: at('rates.failedLogins', integer(0, 1_000_000), '5').means(
      'Wrong admin secrets in a minute, for one name from one address; ten times as many for all names from one address. One name has ten times as many in ten minutes from all addresses together. This last limit does not block an address that has shown the right secret in the last week.',
    ),
  },
  Metrics: {
    METRICS_ADDRESS: at('metrics.address', metricsAddress, '127.0.0.1:9110').means(
      'Address and port that metrics for Prometheus are served at, under `/metrics`, such as `[::1]:9110`; `none` serves none, port 0 takes any free one.',
    ),
    METRICS_MAX_ERROR_RATE: at('metrics.maxErrorRate', share, '0.05').means(
      'Largest share of failed requests in five minutes, from 0 to 1, that is logged without a warning; 0 never warns.',
    ),
  },
  Logging: {
    LOG_LEVEL: at('logLevels', logLevelsByPart, 'info').means(
      'Least severe messages that are logged: `fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`; behind it may stand other levels for the parts `bosh`, `websocket`, `warm`, `c2s`, `remote`, `events`, `nodes` and `http`, as in `info,bosh=debug`.',
    ),
    AUDIT_LOG: at('auditLog', auditLog, 'stdout').means(
      'Where the audit trail goes, at any LOG_LEVEL: `stdout`, `stderr`, `off`, or the path of a file. Lines are appended to the file, and SIGHUP opens it again.',
    ),
  },
} satisfies Record<string, Record<string, Setting>>

/** The same by name alone. */
export const settings = Object.assign({}, ...Object.values(sections)) as All<
  (typeof sections)[keyof typeof sections]
>

/** What is all of these at once. */
type All<S> = (S extends unknown ? (one: S) => void : never) extends (one: infer A) => void ? A : never

export type Name = keyof typeof settings

type ValueOf<S extends Setting> =
  | (S['kind'] extends Kind<infer T> ? T : never)
  | (S extends { default: string } ? never : undefined)

/** The value of each setting. */
export type Values = { readonly [N in Name]: ValueOf<(typeof settings)[N]> }
