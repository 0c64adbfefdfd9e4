// The table of all settings. docs/settings.md says what each means. `npm run settings` writes defaults into documents.
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

export const settings = {
  HOST: joined(addresses, '127.0.0.1'),
  SOCKET_MODE: at('listen.socketMode', kinds.fileMode, '660'),
  PORT: joined(ports, '8080'),
  HTTPS_HOST: joined(addresses),
  HTTPS_PORT: joined(ports),
  TLS_CERT: liveJoined(kinds.files, ''),
  TLS_CHAIN: liveJoined(kinds.files),
  TLS_KEY: liveJoined(kinds.files),
  TLS_KEY_PASSPHRASE_FILE: liveJoined(kinds.text),
  TLS_CLIENT_AUTH: joined(kinds.word('off', 'warm', 'all'), 'off'),
  TLS_CLIENT_CA: joined(kinds.text),
  TLS_CIPHERS: liveJoined(kinds.ciphers),
  TLS_MIN_VERSION: liveJoined(kinds.word('1.2', '1.3'), '1.2'),
  TLS_DHPARAM: joined(kinds.text, 'auto'),
  PROXY_PROTOCOL: at('listen.proxyProtocol', kinds.boolean, 'off'),
  MAX_CONNECTIONS: live('listen.maxConnections', kinds.integer(0, 1_000_000), '0'),
  MAX_CONNECTIONS_PER_ADDRESS: live('listen.maxConnectionsPerAddress', kinds.integer(0, 1_000_000), '1000'),
  EXTERNAL_URL: at('externalUrl', kinds.baseUrl),
  HTTP_HOSTS: joined(hostEntries, ''),
  HTTP_DEFAULT_HOST: at('http.defaultHost', kinds.hostName),
  HTTP_FAST: at('http.fast', kinds.boolean, 'on'),
  ASSUME_SECURE: at('assumeSecure', kinds.boolean, 'off'),
  REQUIRE_SECURE: at('requireSecure', kinds.boolean, 'off'),
  TRUSTED_PROXIES: live('trustedProxies', readNetworks, 'loopback'),

  WORKERS: at('workers', kinds.processes, '0'),
  DRAIN_TIME: at('drainTime', kinds.integer(0, 86400), '0'),
  STATE_DIR: joined(stateFolder),
  SEAL_KEY_FILE: live('sealKeys', sealKeysFile),
  REDIS_URL: joined(redisUrl),
  PERSIST: at('persist', kinds.boolean, 'on'),
  REDIS_PASSWORD_FILE: joined(secretFile),
  REDIS_TLS_CA: joined(certificatesFile),
  PEER_LISTEN: joined(peerListen),
  PEER_ADDRESS: joined(peerAddress),

  ADMIN_USERS: liveJoined(accounts.adminAccounts, ''),
  ADMIN_USERS_FILE: liveJoined(accounts.adminAccountsFile, ''),

  XMPP_DOMAINS: live('domains', kinds.domainPatterns, ''),
  XMPP_SERVERS: liveJoined(serversByDomain, ''),
  XMPP_SPARE_LINKS: at('spareLinks', kinds.integer(0, 64), '8'),
  XMPP_MECHANISMS: at('mechanisms', kinds.mechanisms, kinds.passwordMechanisms.join(',')),
  XMPP_SERVICE_ACCOUNTS: liveJoined(accounts.serviceAccounts, ''),
  XMPP_SERVICE_ACCOUNTS_FILE: liveJoined(accounts.serviceAccountsFile, ''),
  XMPP_LOGIN_KEYS_FILE: live('loginKeys', loginKeysFile, ''),
  XMPP_CREATE_ACCOUNTS: live('accountMakers', accounts.accountMakers, ''),
  XMPP_RETIRED_DOMAINS: live('retiredDomains', kinds.domainPatterns, ''),
  LINK_RESUME_TIME: at('linkResumeTime', kinds.integer(0, 600), '60'),
  XMPP_TIMEOUT: at('serverTimeout', kinds.integer(0, 3600), '60'),

  REMOTE_ATTACH: at('remote.attach', kinds.word('here', 'there'), 'here'),
  REMOTE_HEADERS: at('remote.headers', kinds.headers, ''),

  BOSH_ENABLED: at('bosh.enabled', kinds.boolean, 'on'),
  BOSH_PATH: at('boshPath', kinds.path, '/http-bind'),
  BOSH_DEFAULT_DOMAIN: at('bosh.defaultDomain', kinds.domain),
  BOSH_MAX_WAIT: at('bosh.maxWait', kinds.integer(1, 3600), '60'),
  BOSH_MAX_REQUESTS: at('bosh.maxRequests', kinds.integer(2, 255), '2'),
  BOSH_INACTIVITY: at('bosh.inactivity', kinds.integer(5, 86400), '150'),
  BOSH_ENFORCE_POLLING: at('bosh.enforcePolling', kinds.boolean, 'off'),
  ATTACH_BINDING: at('bosh.attachBinding', kinds.word('off', 'cookie', 'reply'), 'off'),
  CORS_ORIGINS: live('corsOrigins', kinds.origins, '*'),

  WEBSOCKET_ENABLED: at('websocket.enabled', kinds.boolean, 'on'),
  WEBSOCKET_PATH: at('websocketPath', kinds.path, '/xmpp-websocket'),
  WEBSOCKET_ORIGINS: live('websocket.origins', kinds.origins, '*'),
  WEBSOCKET_PING_INTERVAL: at('websocket.pingInterval', kinds.integer(0, 3600), '30'),
  WEBSOCKET_RESUME: at('websocket.resumeSeconds', kinds.integer(5, 86400), '120'),

  WARM_ENABLED: joined(kinds.switchOr('pages'), 'on'),
  WARM_PATH: at('warmPath', kinds.path, '/warm'),
  WARM_TIMEOUT: at('warm.timeout', kinds.integer(1, 300), '15'),
  WARM_ANONYMOUS: at('warm.anonymous', kinds.boolean, 'off'),
  WARM_ATTACH_TIMEOUT: at('warm.attachSeconds', kinds.integer(5, 600), '120'),
  SCRAM_MAX_ITERATIONS: at('warm.scramMaxIterations', kinds.integer(4096, 10_000_000), '200000'),

  PAGE_ORIGINS: live('pages.origins', kinds.namedOrigins, ''),
  PAGE_PATH: at('pagePath', kinds.path, '/connect'),
  PAGE_GUESTS: live('pages.guests', kinds.domain),
  PAGE_TOKEN_SECRET_FILE: live('pages.secrets', tokenKinds.pageSecretsFile),
  PAGE_TOKEN_JWKS: live('pages.keys', tokenKinds.pageKeys),
  PAGE_TOKEN_AUDIENCE: at('pages.audiences', tokenKinds.tokenNames),
  PAGE_TOKEN_ISSUER: at('pages.issuers', tokenKinds.tokenNames),
  PAGE_TOKEN_CLAIMS: at('pages.claims', tokenKinds.requiredClaims, ''),
  PAGE_TOKEN_JID: at('pages.jid', tokenKinds.jidTemplate),
  PAGE_TOKEN_VISIT: at('pages.visit', kinds.text),
  PAGE_TOKEN_NAME: at('pages.name', tokenKinds.nameTemplate),
  PAGE_TOKEN_IGNORE_CASE: at('pages.ignoreCase', kinds.boolean, 'off'),
  PAGE_TOKEN_MAX_AGE: at('pages.maxAge', kinds.integer(60, 31_622_400), '86400'),
  PAGE_TOKEN_LOGIN: at('pages.login', kinds.word('service', 'token', 'password', 'credential'), 'service'),
  PAGE_ADMIN: at('pages.admin', kinds.text),

  EVENTS_URL: joined(kinds.secureUrl),
  EVENTS_SECRET: joined(eventsSecret),
  EVENTS_SECRET_FILE: joined(eventsSecretFile),

  HTTPS_PROXY: at('proxies.https', proxyUrl),
  HTTP_PROXY: at('proxies.http', proxyUrl),
  NO_PROXY: at('proxies.excluded', exclusions, ''),

  WARM_ALLOW: live('access.warm', readNetworks, 'loopback, private'),
  BOSH_ALLOW: live('access.bosh', readNetworks, 'any'),
  WEBSOCKET_ALLOW: live('access.websocket', readNetworks, 'any'),
  MAX_SESSIONS: live('limits.sessions', kinds.integer(0, 10_000_000), '20000'),
  MAX_SESSIONS_PER_ADDRESS: live('limits.sessionsPerAddress', kinds.integer(0, 10_000_000), '200'),
  MAX_UNAUTHENTICATED_PER_ADDRESS: live('limits.unauthenticatedPerAddress', kinds.integer(0, 10_000_000), '20'),
  BOSH_LOGIN_TIMEOUT: live('limits.loginTimeout', kinds.integer(0, 3600), '60'),
  MAX_SESSIONS_PER_JID: live('limits.sessionsPerJid', kinds.integer(0, 1_000_000), '20'),
  MAX_GUESTS: live('limits.guests', kinds.integer(0, 10_000_000), '1000'),
  MAX_STANZA_BYTES: at('limits.stanzaBytes', kinds.integer(10_000, 1_048_576), '262144'),
  MAX_UNFINISHED_MB: live('limits.unfinishedMegabytes', kinds.integer(0, 1_000_000), '64'),
  MAX_UNREAD_MB: live('limits.unreadMegabytes', kinds.integer(0, 1_000_000), '64'),
  MAX_MEMORY_MB: live('limits.megabytes', kinds.integer(0, 1_000_000), '0'),
  RATE_SESSIONS_PER_ADDRESS: live('rates.sessionsPerAddress', kinds.integer(0, 1_000_000), '10'),
  RATE_GUESTS: live('rates.guests', kinds.integer(0, 1_000_000), '20'),
  RATE_SESSION_BYTES: live('rates.sessionBytes', kinds.integer(0, 1_000_000_000), '100000'),
  RATE_WARMS_PER_JID: live('rates.warmsPerJid', kinds.integer(0, 1_000_000), '30'),
  RATE_LOGINS_PER_ADDRESS: live('rates.loginsPerAddress', kinds.integer(0, 1_000_000), '20'),
  RATE_FAILED_LOGINS: live('rates.failedLogins', kinds.integer(0, 1_000_000), '5'),

  METRICS_ADDRESS: at('metricsAddress', metricsAddress, '127.0.0.1:9110'),

  LOG_LEVEL: live('logLevels', kinds.logLevelsByPart, 'info'),
  LOG_FORMAT: at('logFormat', kinds.word(...logFormats), 'json'),
  AUDIT_LOG: at('auditLog', kinds.auditLog, 'stdout'),
} satisfies Record<string, Setting>

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
