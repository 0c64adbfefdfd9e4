// The table of all settings. `npm run settings` writes docs/settings.md and .env.example from it.
import { logFormats } from '../lib/log.js'
import * as accounts from './kinds/account-lists.js'
import { eventsSecret, eventsSecretFile } from './kinds/event-receiver.js'
import { hostEntries } from './kinds/hosts.js'
import * as kinds from './kinds/kinds.js'
import { addresses, metricsAddress, peerAddress, peerListen, ports } from './kinds/listen-addresses.js'
import { loginKeysFile } from './kinds/login-keys.js'
import { readNetworks } from './kinds/networks.js'
import * as tokenKinds from './kinds/page-token-kinds.js'
import { certificatesFile } from './kinds/pem.js'
import { exclusions, proxyUrl } from './kinds/proxies.js'
import { redisUrl } from './kinds/redis-kinds.js'
import { sealKeysFile, stateFolder } from './kinds/sealed-state.js'
import { serversByDomain } from './kinds/servers.js'
import { at, joined, live, liveJoined, type Setting } from './setting.js'
import { secretFile } from './setting-file.js'

export const sections = {
  Listening: {
    HOST: joined(addresses, '127.0.0.1').means(
      'Comma-separated addresses for HTTP, each with an optional port, as in `127.0.0.1,[::1]:8081`. `0.0.0.0` or `::` is every interface. `unix:/run/warm-bindings/http.sock` is a Unix socket, without a port. Its clients count as trusted proxies at 127.0.0.1.',
    ),
    SOCKET_MODE: at('listen.socketMode', kinds.fileMode, '660').means(
      'Octal permissions of Unix sockets. With `660`, users in the group of the socket can connect, such as a proxy.',
    ),
    PORT: joined(ports, '8080').means('Comma-separated ports for HTTP. 0 selects a free port. `off` opens no port.'),
    HTTPS_HOST: joined(addresses).means(
      'Addresses for HTTPS, written like HOST. Default: the addresses of HOST, without ports.',
    ),
    HTTPS_PORT: joined(ports).means(
      'Ports for HTTPS, written like PORT. Default: 8443 if TLS_CERT or HTTPS_HOST is set.',
    ),
    TLS_CERT: liveJoined(kinds.files, '').means(
      'Comma-separated PEM files of certificates with their chains, or folders of such files. In a folder, the service reads `*.crt`, `*.pem`, and `NAME/fullchain.pem` with `NAME/privkey.pem`. A client gets the certificate for the host that it requests, or else the first certificate.',
    ),
    TLS_CHAIN: liveJoined(kinds.files).means(
      'PEM files of the chains, in the order of TLS_CERT, if its files have no chains.',
    ),
    TLS_KEY: liveJoined(kinds.files).means(
      'PEM files of the keys, in the order of TLS_CERT. Default: the file of the certificate, or `x.key` beside `x.crt`.',
    ),
    TLS_KEY_PASSPHRASE: liveJoined(kinds.text).means('Passphrase of encrypted keys.'),
    TLS_KEY_PASSPHRASE_FILE: liveJoined(kinds.text).means('File with the passphrase of encrypted keys.'),
    TLS_CLIENT_AUTH: joined(kinds.word('off', 'warm', 'all'), 'off').means(
      'Who needs a client certificate: callers of the warm API (`warm`), or all clients of the https port (`all`). With either value, warm calls to an http port get 403 `client-certificate-required`.',
    ),
    TLS_CLIENT_CA: joined(kinds.text).means('PEM file of the CAs of client certificates.'),
    TLS_CIPHERS: liveJoined(kinds.ciphers).means(
      "Ciphers for clients, in OpenSSL's notation. Default: ciphers of Node.js.",
    ),
    TLS_MIN_VERSION: liveJoined(kinds.word('1.2', '1.3'), '1.2').means('Oldest TLS version for clients.'),
    TLS_DHPARAM: joined(kinds.text, 'auto').means(
      'PEM file of Diffie-Hellman parameters for clients without elliptic curves, or `auto`.',
    ),
    PROXY_PROTOCOL: at('listen.proxyProtocol', kinds.boolean, 'off').means(
      'Expects a PROXY header, version 1 or 2, at the start of each connection from TRUSTED_PROXIES and Unix sockets, before TLS. Without a header, the connection is closed after 5 s. Other connections must not send a header.',
    ),
    MAX_CONNECTIONS: live('listen.maxConnections', kinds.integer(0, 1_000_000), '0').means(
      'Open connections. Further connections are closed at once. A tenth is kept for addresses in WARM_ALLOW. 0 is no limit.',
    ),
    MAX_CONNECTIONS_PER_ADDRESS: live('listen.maxConnectionsPerAddress', kinds.integer(0, 1_000_000), '1000').means(
      'Open connections from one IPv4 address or IPv6 /64 network. Addresses in TRUSTED_PROXIES have no limit.',
    ),
    EXTERNAL_URL: at('externalUrl', kinds.baseUrl).means(
      'URL that browsers use for this service, such as `https://chat.example.org`. Needed behind a proxy, and for host-meta.',
    ),
    HTTP_HOSTS: joined(hostEntries, '').means(
      'HTTP hosts and their XMPP domains, as `chat.example.org=example.org,…`, with options after a `?`. See *Hosts and paths* in docs/production.md.',
    ),
    HTTP_DEFAULT_HOST: at('http.defaultHost', kinds.hostName).means(
      'Host of HTTP_HOSTS that also answers requests to all other hosts. `none` rejects these requests with 421. Default: other hosts serve all domains.',
    ),
    HTTP_FAST: at('http.fast', kinds.boolean, 'on').means(
      'Reads BOSH requests, and without TLS also writes replies, without the streams of Node.js, which is faster.',
    ),
    ASSUME_SECURE: at('assumeSecure', kinds.boolean, 'off').means(
      'Treats every request as encrypted. Use it only behind a proxy that accepts TLS only.',
    ),
    REQUIRE_SECURE: at('requireSecure', kinds.boolean, 'off').means(
      'Opens sessions over encrypted connections only. Other clients are sent to the https or wss address, if it is known.',
    ),
    TRUSTED_PROXIES: live('trustedProxies', readNetworks, 'loopback').means(
      'Proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted: comma-separated addresses, ranges such as `10.0.0.0/8`, `loopback` and `private`, or `none`. Do not include clients, or loopback on a machine with other users: they could claim any address, and claim to use https.',
    ),
  },
  Processes: {
    WORKERS: at('workers', kinds.processes, '0').means(
      'Worker processes besides a small primary process: 1 to 256, or `auto` for one per core. 0 runs a single process. Requires REDIS_URL. See *One machine* in docs/tuning.md.',
    ),
    DRAIN_TIME: at('drainTime', kinds.integer(0, 86400), '0').means(
      'Seconds for sessions to end after SIGTERM, or when their worker is replaced. No new sessions start meanwhile.',
    ),
    STATE_DIR: joined(stateFolder).means(
      'Folder where a process stores its sessions when it stops, for the next start. Only workers of one primary can share it. The service creates it, but not its parent folder. Requires SEAL_KEY_FILE.',
    ),
    SEAL_KEY_FILE: live('sealKeys', sealKeysFile).means(
      'File with the keys for STATE_DIR, REDIS_URL and credentials. Each line is a key of 32 bytes in base64, from `openssl rand -base64 32`. The first key encrypts. Each key can decrypt. To change it, see *Stop and upgrade* in docs/production.md.',
    ),
    REDIS_URL: joined(redisUrl).means(
      'Redis that the processes share, as `redis://user:password@host:6379/0`, `rediss://…` (TLS), `unix:/run/redis.sock`, or for Sentinel `redis+sentinel://host,host/name`. Requires SEAL_KEY_FILE.',
    ),
    PERSIST: at('persist', kinds.boolean, 'on').means(
      'Records live sessions in REDIS_URL, so that other processes continue them if their process dies. `off` records none. Requires LINK_RESUME_TIME. See *If a process is killed* in docs/production.md.',
    ),
    REDIS_PASSWORD_FILE: joined(secretFile).means('File with the password for Redis.'),
    REDIS_TLS_CA: joined(certificatesFile).means('PEM file of the CAs for Redis. Default: CAs of Node.js.'),
    PEER_LISTEN: joined(peerListen).means(
      'Address and port for processes on other machines, such as `10.0.0.11:9191`. Each of WORKERS takes the first free port from there. TLS with a key from SEAL_KEY_FILE protects it.',
    ),
    PEER_ADDRESS: joined(peerAddress).means(
      'Address where other machines reach PEER_LISTEN, with a port or without. Default: PEER_LISTEN, or the host name.',
    ),
  },
  Admins: {
    ADMIN_USERS: liveJoined(accounts.adminAccounts, '').means(
      'Accounts that may call the warm API, as `name:secret,…` or `name:secret:role=read,…`. Roles: `warm` (a backend), `read` (sees sessions), `all` (default). A name that is listed twice has two valid secrets. A secret can be a hash from `warm-bindings hash-password`. Write `%2C`, `%3A` and `%25` for a comma, colon or percent sign.',
      'required, or ADMIN_USERS_FILE',
    ),
    ADMIN_USERS_FILE: liveJoined(accounts.adminAccountsFile, '').means(
      'File with more accounts, one per line: `name:secret`, or `name:secret:domain domain… role=warm` to limit the account.',
    ),
  },
  'XMPP servers': {
    XMPP_DOMAINS: live('domains', kinds.domainPatterns, '').means(
      'Comma-separated domains whose users may log in. `*.example.org` is every subdomain, `*` is any domain.',
      'required',
    ),
    XMPP_SERVERS: liveJoined(serversByDomain, '').means(
      'Servers that DNS does not name, as `domain=xmpp://host:port,…`, with options after a `?`. `xmpps://` is direct TLS, `domain=https://host/http-bind` a remote BOSH endpoint. `domain=host-meta` asks the domain for its endpoint. `*=…` is every other domain.',
    ),
    XMPP_SPARE_LINKS: at('spareLinks', kinds.integer(0, 64), '8').means(
      'Connections that a process may open to a domain before logins need them: about one for each 5 logins in the last minute. Each is kept for 20 s. 0 opens none.',
    ),
    XMPP_MECHANISMS: at('mechanisms', kinds.mechanisms, kinds.passwordMechanisms.join(',')).means(
      'Mechanisms for logins with a password, in order of preference. On an unencrypted link, PLAIN also requires `plain=on` for the server in XMPP_SERVERS.',
    ),
    XMPP_SERVICE_ACCOUNTS: liveJoined(accounts.serviceAccounts, '').means(
      "Accounts that log in for users, without the users' passwords, as `domain=user:password,…` or `*=user:password`, escaped like ADMIN_USERS. The XMPP server must allow this.",
    ),
    XMPP_SERVICE_ACCOUNTS_FILE: liveJoined(accounts.serviceAccountsFile, '').means(
      'File with more of these accounts, one per line.',
    ),
    XMPP_LOGIN_KEYS_FILE: live('loginKeys', loginKeysFile, '').means(
      'File of keys that sign logins of users at servers that check JSON Web Tokens, as lines `domain={JWK}`: HS256, or the private key for ES256. Preferred to a service account.',
    ),
    XMPP_CREATE_ACCOUNTS: live('accountMakers', accounts.accountMakers, '').means(
      'Domains whose users get an account before their first login without a password, as `domain=admin,…`. This admin of the XMPP server makes the account (XEP-0133). It logs in by a key of XMPP_LOGIN_KEYS_FILE, or as the service account.',
    ),
    XMPP_RETIRED_DOMAINS: live('retiredDomains', kinds.domainPatterns, '').means(
      'Domains that are no longer served, written like XMPP_DOMAINS. Their clients get `host-gone`.',
    ),
    LINK_RESUME_TIME: at('linkResumeTime', kinds.integer(0, 600), '60').means(
      'Seconds to mend a broken link: a new connection resumes the stream. For this, keys or a token of each user stay in memory, but no password. With 0, they do not stay, a session ends with its link, and hashes of passwords are not cached for the next logins.',
    ),
    XMPP_TIMEOUT: at('serverTimeout', kinds.integer(0, 3600), '60').means(
      'Seconds for a server to answer a ping. Without an answer, the link is mended, or the session ends. The service pings a server that gets a stanza and then sends nothing for a quarter of this time. 0 sends no pings.',
    ),
  },
  'Remote endpoints': {
    REMOTE_ATTACH: at('remote.attach', kinds.word('here', 'there'), 'here').means(
      'For users at a remote BOSH endpoint, browsers get the address of this service (`here`) or of that endpoint (`there`).',
    ),
    REMOTE_HEADERS: at('remote.headers', kinds.headers, '').means(
      'Extra headers for requests to remote endpoints, as `name=value,…`. Write `%2C` and `%25` for a comma or percent sign.',
    ),
  },
  BOSH: {
    BOSH_ENABLED: at('bosh.enabled', kinds.boolean, 'on').means('Enables the BOSH endpoint.'),
    BOSH_PATH: at('boshPath', kinds.path, '/http-bind').means(
      'Path of the BOSH endpoint. `$host` is the domain of the requested host (HTTP_HOSTS).',
    ),
    BOSH_DEFAULT_DOMAIN: at('bosh.defaultDomain', kinds.domain).means(
      'Domain of clients that log in themselves and name no domain. Without this setting, these clients are rejected.',
    ),
    BOSH_MAX_WAIT: at('bosh.maxWait', kinds.integer(1, 3600), '60').means(
      "Longest time to hold a request, in seconds. Your proxy's timeout must be longer.",
    ),
    BOSH_MAX_REQUESTS: at('bosh.maxRequests', kinds.integer(2, 255), '2').means('Open requests per session.'),
    BOSH_INACTIVITY: at('bosh.inactivity', kinds.integer(5, 86400), '150').means(
      'Seconds without an open request after which a session ends. Browsers wake a hidden tab only once a minute.',
    ),
    BOSH_ENFORCE_POLLING: at('bosh.enforcePolling', kinds.boolean, 'off').means(
      'Ends sessions of clients that poll more often than every 5 seconds. Many clients do, for example after a reload.',
    ),
    ATTACH_BINDING: at('bosh.attachBinding', kinds.word('off', 'cookie', 'reply'), 'off').means(
      'Ties a warmed session to the browser that attached to it, by a cookie. See *Attach binding* in docs/api.md.',
    ),
    CORS_ORIGINS: live('corsOrigins', kinds.origins, '*').means(
      'Comma-separated origins whose pages may use the BOSH endpoint, such as `https://www.example.org`. Pages of listed origins may send cookies. `*` is any origin, without cookies. Write `none` to allow none.',
    ),
  },
  WebSocket: {
    WEBSOCKET_ENABLED: at('websocket.enabled', kinds.boolean, 'on').means('Enables the WebSocket endpoint.'),
    WEBSOCKET_PATH: at('websocketPath', kinds.path, '/xmpp-websocket').means(
      'Path of the WebSocket endpoint. `$host` works as in BOSH_PATH.',
    ),
    WEBSOCKET_ORIGINS: live('websocket.origins', kinds.origins, '*').means(
      'Origins whose pages may use the WebSocket endpoint, written like CORS_ORIGINS. Programs without an origin may always use it.',
    ),
    WEBSOCKET_PING_INTERVAL: at('websocket.pingInterval', kinds.integer(0, 3600), '30').means(
      'Seconds between two pings. 60 saves the battery of phones. 0 sends no pings.',
    ),
    WEBSOCKET_RESUME: at('websocket.resumeSeconds', kinds.integer(5, 86400), '120').means(
      'Seconds that a warmed session waits for its page after a lost connection.',
    ),
  },
  Warming: {
    WARM_ENABLED: joined(kinds.switchOr('pages'), 'on').means(
      'Enables the warm API, and at its path the pages for admins and the docs. With `pages`, only these: admins can look, but log in and end nothing.',
    ),
    WARM_PATH: at('warmPath', kinds.path, '/warm').means('Path of the warm API. `$host` works as in BOSH_PATH.'),
    WARM_TIMEOUT: at('warm.timeout', kinds.integer(1, 300), '15').means(
      'Seconds for a login. A single step may take two thirds of this time.',
    ),
    WARM_ANONYMOUS: at('warm.anonymous', kinds.boolean, 'off').means(
      'Warms anonymous sessions (SASL ANONYMOUS) if the JID is only a domain.',
    ),
    WARM_ATTACH_TIMEOUT: at('warm.attachSeconds', kinds.integer(5, 600), '120').means(
      'Seconds within which the page must send its first request to a warmed session.',
    ),
    SCRAM_MAX_ITERATIONS: at('warm.scramMaxIterations', kinds.integer(4096, 10_000_000), '200000').means(
      'SCRAM iterations that an XMPP server may request. With more, the login fails.',
    ),
  },
  'Page tokens': {
    PAGE_ORIGINS: live('pages.origins', kinds.namedOrigins, '').means(
      'Comma-separated origins of pages that may log in with a token, such as `https://www.example.org`. See *Page tokens* in docs/api.md. Without this setting, PAGE_PATH answers 404.',
    ),
    PAGE_PATH: at('pagePath', kinds.path, '/connect').means(
      'Path where pages log in with a token. Addresses that may use BOSH or WebSocket may use this path.',
    ),
    PAGE_GUESTS: live('pages.guests', kinds.domain).means(
      'Domain of guests, such as `guests.example.org`: visitors of pages of PAGE_ORIGINS who have no token. See docs/guests.md.',
    ),
    PAGE_TOKEN_SECRET_FILE: live('pages.secrets', tokenKinds.pageSecretsFile).means(
      'File with the secrets that sign HS256 tokens. Each line is a secret of at least 32 bytes.',
    ),
    PAGE_TOKEN_JWKS: live('pages.keys', tokenKinds.pageKeys).means(
      'Instead of secrets: URL or file of public keys (JWKS), or a PEM file, for RS256, PS256, ES256 (also 384 and 512), EdDSA or Ed25519. Requires PAGE_TOKEN_ISSUER, except for PEM files.',
    ),
    PAGE_TOKEN_AUDIENCE: at('pages.audiences', tokenKinds.tokenNames).means(
      'Audience (`aud`) that tokens must have. May be a list with commas.',
    ),
    PAGE_TOKEN_ISSUER: at('pages.issuers', tokenKinds.tokenNames).means(
      'Issuer (`iss`) that tokens must have. May be a list with commas. Without secrets and PAGE_TOKEN_JWKS, the service asks each issuer where its keys are (OpenID Connect Discovery).',
    ),
    PAGE_TOKEN_CLAIMS: at('pages.claims', tokenKinds.requiredClaims, '').means(
      'Comma-separated claims that tokens must have, such as `token_use=access`. A claim named twice must have one of the values. `%2C` stands for a comma. With `client_id=…` or `azp=…`, or for secrets and PEM files with any claim, PAGE_TOKEN_AUDIENCE is optional.',
    ),
    PAGE_TOKEN_JID: at('pages.jid', tokenKinds.jidTemplate).means(
      'JID of the user, with a claim in braces, as in `{sub}@example.org`. With `{sub}` alone, the claim is the whole JID. With `{hex(sub)}@example.org`, the name is the claim in hexadecimal digits, for ids with capital letters.',
    ),
    PAGE_TOKEN_VISIT: at('pages.visit', kinds.text).means(
      'Claim that names the visit. Default: `visit`, or else `sid`.',
    ),
    PAGE_TOKEN_NAME: at('pages.name', tokenKinds.nameTemplate).means(
      "Name for the vCard (XEP-0054) of an account that XMPP_CREATE_ACCOUNTS makes, with claims in braces, such as `{name}`. With `{name} <{email}>`, also the address. The user's contacts see it.",
    ),
    PAGE_TOKEN_IGNORE_CASE: at('pages.ignoreCase', kinds.boolean, 'off').means(
      'Accepts capital letters in the claim of PAGE_TOKEN_JID. JIDs have none, so `Alice` and `alice` become one user: set it only if they are one user in your portal.',
    ),
    PAGE_TOKEN_MAX_AGE: at('pages.maxAge', kinds.integer(60, 31_622_400), '86400').means(
      'Most seconds from now to the `exp` of a token.',
    ),
    PAGE_TOKEN_LOGIN: at('pages.login', kinds.word('service', 'token', 'password', 'credential'), 'service').means(
      'What logs the user in: the service account or certificate of the domain (`service`), the token by OAUTHBEARER (`token`), the token as a password (`password`), or the credential in the claim `credential` (`credential`).',
    ),
    PAGE_ADMIN: at('pages.admin', kinds.text).means(
      'Admin account for calls of pages. Its domains and limits apply. Only credentials of this account are valid. Default: `:pages`, an account for all domains.',
    ),
  },
  Events: {
    EVENTS_URL: joined(kinds.secureUrl).means(
      'Webhook URL for session events, such as `https://portal.example.org/chat/events`. Must be https, or http to a loopback address. See *Events* in docs/api.md.',
    ),
    EVENTS_SECRET: joined(eventsSecret).means(
      'Secret that signs events: at least 16 bytes, or `whsec_` and a key in base64.',
    ),
    EVENTS_SECRET_FILE: joined(eventsSecretFile).means('File with the secret that signs events.'),
  },
  'Outgoing requests': {
    HTTPS_PROXY: at('proxies.https', proxyUrl).means(
      'HTTP proxy for requests to https URLs: events, PAGE_TOKEN_JWKS, host-meta and remote BOSH endpoints. Written as `http://proxy.example.org:3128`, with an optional `user:password@`. The variable `https_proxy` overrides this setting. See *Outgoing proxy* in docs/production.md.',
    ),
    HTTP_PROXY: at('proxies.http', proxyUrl).means(
      'HTTP proxy for requests to http URLs, written like HTTPS_PROXY. The variable `http_proxy` overrides this setting.',
    ),
    NO_PROXY: at('proxies.excluded', exclusions, '').means(
      'Comma-separated hosts to connect to without a proxy: domains with their subdomains, addresses and ranges, each with an optional port, or `*` for all. The variable `no_proxy` overrides this setting.',
    ),
  },
  Limits: {
    WARM_ALLOW: live('access.warm', readNetworks, 'loopback, private').means(
      'Addresses that may call the warm API, written like TRUSTED_PROXIES. `any` is every address. A `!` before an address or a range excludes it, as in `any,!203.0.113.7`.',
    ),
    BOSH_ALLOW: live('access.bosh', readNetworks, 'any').means(
      'Addresses that may use the BOSH endpoint, written like WARM_ALLOW.',
    ),
    WEBSOCKET_ALLOW: live('access.websocket', readNetworks, 'any').means(
      'Addresses that may use the WebSocket endpoint, written like WARM_ALLOW.',
    ),
    MAX_SESSIONS: live('limits.sessions', kinds.integer(0, 10_000_000), '20000').means(
      'Sessions of a process at a time. Clients that have not logged in yet can use a quarter of them. BOSH requests that wait for an answer are limited to twice this number. At nine tenths of it, clients cannot open sessions themselves. At the limit, no session opens, and each session holds one request at most. 0 is no limit, here and in most limits below.',
    ),
    MAX_SESSIONS_PER_ADDRESS: live('limits.sessionsPerAddress', kinds.integer(0, 10_000_000), '200').means(
      'Sessions that clients of one IPv4 address or IPv6 /64 network opened themselves, and as many sessions of guests (PAGE_GUESTS) in each process. Other warmed sessions do not count. If TRUSTED_PROXIES lists loopback or a single address, only RATE_FAILED_LOGINS limits it per address.',
    ),
    MAX_UNAUTHENTICATED_PER_ADDRESS: live('limits.unauthenticatedPerAddress', kinds.integer(0, 10_000_000), '20').means(
      'Sessions of one address whose clients have not logged in yet, in each process. At the limit, a session with refused logins, or without a login for five seconds, ends to make room.',
    ),
    BOSH_LOGIN_TIMEOUT: live('limits.loginTimeout', kinds.integer(0, 3600), '60').means(
      'Seconds for a client to log in to a session that it opened itself, including in-band registration.',
    ),
    MAX_SESSIONS_PER_JID: live('limits.sessionsPerJid', kinds.integer(0, 1_000_000), '20').means(
      'Sessions of one user, warmed or not.',
    ),
    MAX_GUESTS: live('limits.guests', kinds.integer(0, 10_000_000), '1000').means(
      'Sessions at the domain of PAGE_GUESTS, in each process. At the limit, guests get 429.',
    ),
    MAX_STANZA_BYTES: at('limits.stanzaBytes', kinds.integer(10_000, 1_048_576), '262144').means(
      'Longest stanza of a client, in bytes. A longer stanza ends its session with `policy-violation`. A WebSocket message may be twice as long. Stanzas of a server may have 4 MiB. If they are longer, they are dropped, and their senders get an error.',
    ),
    MAX_UNFINISHED_MB: live('limits.unfinishedMegabytes', kinds.integer(0, 1_000_000), '64').means(
      'Memory for incomplete BOSH requests and WebSocket messages, and for BOSH requests that wait for their turn, in MiB. One address may use an eighth. Above either limit, requests get 503 and WebSockets close.',
    ),
    MAX_UNREAD_MB: live('limits.unreadMegabytes', kinds.integer(0, 1_000_000), '64').means(
      'Memory for replies that clients have not read, in MiB. Above this limit, connections whose clients read nothing for 10 s are closed, the largest backlog first. Below the limit, they are closed after a minute.',
    ),
    MAX_MEMORY_MB: live('limits.megabytes', kinds.integer(0, 1_000_000), '0').means(
      'Memory in MiB above which this process takes no new sessions. 0 is 80 % of the memory of the machine or container, shared equally by WORKERS.',
    ),
    RATE_SESSIONS_PER_ADDRESS: live('rates.sessionsPerAddress', kinds.integer(0, 1_000_000), '10').means(
      'Sessions per second that clients of one address open themselves or with page tokens, on average over five seconds.',
    ),
    RATE_GUESTS: live('rates.guests', kinds.integer(0, 1_000_000), '20').means(
      'New guests (PAGE_GUESTS) per minute from one IPv4 address or IPv6 /64 network. Guests who come back do not count.',
    ),
    RATE_SESSION_BYTES: live('rates.sessionBytes', kinds.integer(0, 1_000_000_000), '100000').means(
      'Bytes of stanzas that a client may send per second, and five times as many at once after a quiet time. Further stanzas wait.',
    ),
    RATE_WARMS_PER_JID: live('rates.warmsPerJid', kinds.integer(0, 1_000_000), '30').means(
      'Warm calls for one user per minute. Calls that only resume a session do not count. In a call with an `authzid`, a wrong password also counts for the account that logs in.',
    ),
    RATE_LOGINS_PER_ADDRESS: live('rates.loginsPerAddress', kinds.integer(0, 1_000_000), '20').means(
      'Refused logins of clients per minute, from one address at one domain. All domains together allow three times as many. Above this limit, the next login from the address waits for half a second, and each further login twice as long. The longest wait is 20 s, or half of BOSH_LOGIN_TIMEOUT if that is less.',
    ),
    RATE_FAILED_LOGINS: live('rates.failedLogins', kinds.integer(0, 1_000_000), '5').means(
      'Wrong admin secrets per minute for one name from one address. For all names from one address, ten times as many are allowed. For one name from all addresses, ten times as many are allowed in ten minutes. The last limit does not apply to addresses that sent the right secret within a day.',
    ),
  },
  Metrics: {
    METRICS_ADDRESS: at('metricsAddress', metricsAddress, '127.0.0.1:9110').means(
      'Address and port of the Prometheus metrics (`/metrics`), such as `[::1]:9110`. `none` turns them off. Port 0 selects a free port.',
    ),
  },
  Logging: {
    LOG_LEVEL: live('logLevels', kinds.logLevelsByPart, 'info').means(
      'Lowest level of messages to log: `fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`. Add other levels for the parts `bosh`, `websocket`, `warm`, `login`, `c2s`, `remote`, `events`, `nodes`, `store` and `http`, as in `info,bosh=debug`.',
    ),
    LOG_FORMAT: at('logFormat', kinds.word(...logFormats), 'json').means(
      'Format of the log and the audit trail: `json`, `json-iso` with names of levels and ISO 8601 times, or `text` for people.',
    ),
    AUDIT_LOG: at('auditLog', kinds.auditLog, 'stdout').means(
      'Target of the audit trail, at any LOG_LEVEL: `stdout`, `stderr`, `off`, or a file to append to. SIGHUP opens the file again.',
    ),
  },
} satisfies Record<string, Record<string, Setting>>

export const settings = Object.assign({}, ...Object.values(sections)) as All<(typeof sections)[keyof typeof sections]>

type All<S> = (S extends unknown ? (one: S) => void : never) extends (one: infer A) => void ? A : never

export type Name = keyof typeof settings

export type Environment = Readonly<Record<string, string | undefined>>

/** Other programs also read these variables, and prefer the names in lower case. */
export const proxySettings = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'] as const satisfies readonly Name[]

export function withProxySettings(environment: Environment): Environment {
  const given = proxySettings.flatMap(name => {
    const text = environment[name.toLowerCase()]
    return text?.trim() ? [[name, text]] : []
  })
  return { ...environment, ...Object.fromEntries(given) }
}

type OrInFile = { [N in Name]: `${N}_FILE` extends Name ? N : never }[Name]

/** Settings that have a counterpart `NAME_FILE`. */
export const orInFiles = (Object.keys(settings) as OrInFile[]).filter(name => Object.hasOwn(settings, `${name}_FILE`))

type ValueOf<S extends Setting> =
  | (S['kind'] extends kinds.Kind<infer T> ? T : never)
  | (S extends { default: string } ? never : undefined)

export type Values = { readonly [N in Name]: ValueOf<(typeof settings)[N]> }
