import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import { allowsDomain, prepareDomain } from '../jid/domains.js'
import type { AttachBinding } from '../sessions.js'
import { readAccounts } from './accounts.js'
import { placesOf, readAddresses, readPorts } from './addresses.js'
import { datesAmiss, readTlsFiles } from './certificates.js'
import type { Config } from './config.js'
import { readHeaders } from './headers.js'
import { readHostName, readHosts } from './hosts.js'
import { readList, readPatterns } from './list.js'
import { httpOf, httpsOf, judgeListening } from './listening.js'
import { readLogLevels } from './log-levels.js'
import { readMechanisms } from './mechanisms.js'
import { readMetricsAddress } from './metrics-address.js'
import { readNetworks } from './networks.js'
import { readOrigins } from './origins.js'
import { readPath } from './paths.js'
import { readServers } from './servers.js'
import { readServiceAccounts } from './service-accounts.js'
import { judgeServing } from './serving-rules.js'
import { type Kind, type Name, type Report, type Setting, settings, switches } from './settings.js'
import { readText } from './text.js'
import { readTokens } from './tokens.js'
import { unknownNames } from './unknown-names.js'
import { readBaseUrl } from './urls.js'

/** Says why the service cannot start: every problem at once, each with its setting's name, none with a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(readonly problems: readonly string[]) {
    super(['The settings are not usable:', ...problems].join('\n- '))
  }
}

/**
 * Reads the settings from the environment, and the files they name from the disk. The result is frozen; `warnings`
 * are to be logged. Throws a `ConfigError`.
 */
export function loadConfig(environment: Record<string, string | undefined>): {
  config: Config
  /** What is said of names that look like settings and are none; among the warnings as well. */
  unknown: string[]
  warnings: string[]
} {
  const result = schema.safeParse(environment)
  if (!result.success) {
    throw new ConfigError(result.error.issues.map(({ path, message }) => `${String(path[0])} ${message}`))
  }
  const values = result.data
  const config: Config = freeze({
    listen: {
      places: placesOf(values.HOST, values.PORT),
      backlog: values.LISTEN_BACKLOG,
      maxConnections: values.MAX_CONNECTIONS,
      maxConnectionsPerAddress: values.MAX_CONNECTIONS_PER_ADDRESS,
    },
    https: httpsOf(values),
    http: httpOf(values),
    admins: [...(values.ADMIN_USERS ?? []), ...(values.ADMIN_USERS_FILE ?? [])],
    domains: values.XMPP_DOMAINS ?? [],
    retiredDomains: values.XMPP_RETIRED_DOMAINS ?? [],
    keepalive: values.XMPP_KEEPALIVE,
    tls: {
      minVersion: values.XMPP_TLS_MIN_VERSION === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
      ciphers: values.XMPP_TLS_CIPHERS,
    },
    servers: values.XMPP_SERVERS?.servers ?? new Map(),
    preferDirectTls: values.XMPP_PREFER_DIRECT_TLS,
    pipelining: values.XMPP_PIPELINING,
    remotes: values.XMPP_SERVERS?.remotes ?? new Map(),
    remote: {
      attach: values.REMOTE_ATTACH === 'there' ? 'there' : 'here',
      connectTimeout: values.REMOTE_CONNECT_TIMEOUT,
      timeout: values.REMOTE_TIMEOUT,
      maxReplyBytes: values.REMOTE_MAX_REPLY_BYTES,
      headers: values.REMOTE_HEADERS ?? [],
    },
    mechanisms: values.XMPP_MECHANISMS,
    serviceAccounts: new Map([
      ...(values.XMPP_SERVICE_ACCOUNTS ?? []),
      ...(values.XMPP_SERVICE_ACCOUNTS_FILE ?? []),
    ]),
    assumeSecure: values.ASSUME_SECURE,
    trustedProxies: values.TRUSTED_PROXIES,
    warmPath: values.WARM_PATH,
    boshPath: values.BOSH_PATH,
    externalUrl: values.EXTERNAL_URL,
    bosh: {
      enabled: values.BOSH_ENABLED,
      defaultDomain: values.BOSH_DEFAULT_DOMAIN,
      assumeSecure: values.BOSH_ASSUME_SECURE,
      maxWait: values.BOSH_MAX_WAIT,
      defaultHold: values.BOSH_DEFAULT_HOLD,
      maxRequests: values.BOSH_MAX_REQUESTS,
      inactivity: values.BOSH_INACTIVITY,
      maxPause: values.BOSH_MAX_PAUSE,
      polling: values.BOSH_POLLING,
      enforcePolling: values.BOSH_ENFORCE_POLLING,
      acks: values.BOSH_ACKS,
      requireSecure: values.BOSH_REQUIRE_SECURE,
      getText: values.BOSH_GET_TEXT,
      attachBinding: values.ATTACH_BINDING as AttachBinding,
    },
    cors: {
      origins: values.CORS_ORIGINS,
      credentials: values.CORS_CREDENTIALS,
      headers: values.CORS_HEADERS,
      methods: values.CORS_METHODS,
      maxAge: values.CORS_MAX_AGE,
    },
    warm: {
      enabled: values.WARM_ENABLED,
      timeout: values.WARM_TIMEOUT,
      stepTimeout: values.WARM_STEP_TIMEOUT,
      anonymous: values.WARM_ANONYMOUS,
      attachTimeout: values.WARM_ATTACH_TIMEOUT,
      scramMemory: values.SCRAM_MEMORY,
      scramMaxIterations: values.SCRAM_MAX_ITERATIONS,
    },
    access: {
      warm: { allow: values.WARM_ALLOW, deny: values.WARM_DENY },
      bosh: { allow: values.BOSH_ALLOW, deny: values.BOSH_DENY },
    },
    limits: {
      sessions: values.MAX_SESSIONS,
      sessionsPerAddress: values.MAX_SESSIONS_PER_ADDRESS,
      unauthenticatedPerAddress: values.MAX_UNAUTHENTICATED_PER_ADDRESS,
      loginTimeout: values.BOSH_LOGIN_TIMEOUT,
      sessionsPerJid: values.MAX_SESSIONS_PER_JID,
      heldRequests: values.MAX_HELD_REQUESTS,
      unfinishedMegabytes: values.MAX_UNFINISHED_MB,
      megabytes: values.MAX_MEMORY_MB,
    },
    rates: {
      sessionsPerAddress: values.RATE_SESSIONS_PER_ADDRESS,
      warmsPerJid: values.RATE_WARMS_PER_JID,
      warmsPerAdmin: values.RATE_WARMS_PER_ADMIN,
      failedLogins: values.RATE_FAILED_LOGINS,
      sessionBytes: values.RATE_SESSION_BYTES,
      sessionBurst: values.RATE_SESSION_BURST,
    },
    metrics: {
      address: values.METRICS_ADDRESS === 'none' ? undefined : values.METRICS_ADDRESS,
      maxErrorRate: values.METRICS_MAX_ERROR_RATE,
    },
    logLevels: values.LOG_LEVEL,
  })
  const unknown = unknownNames(environment)
  return { config, unknown, warnings: [...unknown, ...risks(config)] }
}

/** The text of a setting becomes its value here and nowhere else; without one, a problem was reported. */
const readers = {
  integer(text, report, { range: [least, most] = [0, Number.MAX_SAFE_INTEGER] }) {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    return report(`must be a whole number from ${least} to ${most}, not ${quote(text)}`)
  },
  boolean: (text, report) =>
    switches.get(text.toLowerCase()) ?? report(`must be on or off, not ${quote(text)}`),
  text: text => text,
  ciphers(text, report) {
    try {
      createSecureContext({ ciphers: text })
      return text
    } catch {
      return report(`must be ciphers that OpenSSL knows, not ${quote(text)}`)
    }
  },
  word(text, report, { words = [] }) {
    const word = text.toLowerCase()
    return words.includes(word) ? word : report(`must be one of ${words.join(', ')}, not ${quote(text)}`)
  },
  addresses: readAddresses,
  ports: readPorts,
  files: readList,
  path: readPath,
  host: (text, report) =>
    readHostName(text) ?? report('must be the name of a host, such as chat.example.org'),
  hosts: readHosts,
  domain: (text, report) => prepareDomain(text) ?? report('must be a domain, such as example.org'),
  url: readBaseUrl,
  domains: readPatterns,
  accounts: (text, report) => readAccounts(text.split(','), report, { unit: 'entry', scoped: false }),
  accountsFile(file, report) {
    const lines = readText(file, report)?.split(/\r?\n/) ?? []
    return readAccounts(lines, report, { unit: 'line', scoped: true })
  },
  servers: readServers,
  headers: readHeaders,
  tokens: readTokens,
  mechanisms: readMechanisms,
  serviceAccounts: (text, report) => readServiceAccounts(text.split(','), report, 'entry'),
  serviceAccountsFile: (file, report) =>
    readServiceAccounts(readText(file, report)?.split(/\r?\n/) ?? [], report, 'line'),
  origins: readOrigins,
  networks: readNetworks,
  metricsAddress: readMetricsAddress,
  share(text, report) {
    const share = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN
    return share <= 1 ? share : report(`must be a number from 0 to 1, such as 0.05, not ${quote(text)}`)
  },
  logLevels: readLogLevels,
} satisfies { [K in Kind]: (text: string, report: Report, setting: Setting) => unknown }

type Value<S extends Setting> =
  | NonNullable<ReturnType<(typeof readers)[S['kind']]>>
  | (S extends { default: string } ? never : undefined)
type Shape = { [N in Name]: z.ZodType<Value<(typeof settings)[N]>> }

/** Judges single settings by their readers and joint ones by rules; a rule about a faulty setting keeps silent. */
const schema = z
  .object(
    Object.fromEntries(Object.entries(settings).map(([name, row]) => [name, field(row)])) as unknown as Shape,
  )
  .superRefine(
    (values, context) => {
      const faulty = new Set(context.issues.map(({ path }) => path?.[0]))
      const rule = (names: readonly Name[], broken: boolean | undefined, message: string) => {
        if (!broken || names.some(name => faulty.has(name))) return
        context.addIssue({ code: 'custom', path: names.slice(0, 1), message })
      }
      const { ADMIN_USERS: admins = [], ADMIN_USERS_FILE: more = [] } = values
      const known = new Set(admins.map(({ name }) => name))
      rule(
        ['ADMIN_USERS', 'ADMIN_USERS_FILE', 'WARM_ENABLED'],
        values.WARM_ENABLED && admins.length + more.length === 0,
        'is required, or ADMIN_USERS_FILE: name an account that may call the warm API, for example ADMIN_USERS=portal:a-long-random-secret',
      )
      rule(
        ['ADMIN_USERS_FILE', 'ADMIN_USERS'],
        more.some(({ name }) => known.has(name)),
        'has an account with the name of one in ADMIN_USERS: keep one of the two',
      )
      rule(
        ['XMPP_DOMAINS'],
        !values.XMPP_DOMAINS?.length,
        'is required: list the domains whose users may log in, for example XMPP_DOMAINS=example.org,*.example.net',
      )
      judgeListening(values, rule, name => faulty.has(name))
      judgeServing(values, rule, name => faulty.has(name))
      rule(
        ['BOSH_MAX_REQUESTS', 'BOSH_DEFAULT_HOLD'],
        values.BOSH_MAX_REQUESTS <= values.BOSH_DEFAULT_HOLD,
        'must be greater than BOSH_DEFAULT_HOLD',
      )
      rule(
        ['CORS_CREDENTIALS', 'CORS_ORIGINS'],
        values.CORS_CREDENTIALS && values.CORS_ORIGINS?.includes('*'),
        "needs CORS_ORIGINS to list the origins: any site could use a visitor's session otherwise",
      )
      rule(
        ['CORS_HEADERS', 'CORS_CREDENTIALS'],
        values.CORS_HEADERS?.includes('*') && values.CORS_CREDENTIALS,
        'must list the headers where CORS_CREDENTIALS is on: browsers take * for the name of a header then',
      )
      rule(
        ['CORS_METHODS'],
        values.CORS_METHODS?.includes('*'),
        'must list the methods: * is the name of none',
      )
      rule(
        ['XMPP_SERVICE_ACCOUNTS_FILE', 'XMPP_SERVICE_ACCOUNTS'],
        [...(values.XMPP_SERVICE_ACCOUNTS_FILE?.keys() ?? [])].some(domain =>
          values.XMPP_SERVICE_ACCOUNTS?.has(domain),
        ),
        'has an account for a domain of XMPP_SERVICE_ACCOUNTS: keep one of the two',
      )
      const isOneServer =
        values.XMPP_SERVERS?.servers.has('*') || values.XMPP_SERVERS?.remotes.get('*')?.url !== undefined
      const meetsStrangers = values.XMPP_DOMAINS?.includes('*') && !isOneServer
      for (const name of ['XMPP_SERVICE_ACCOUNTS', 'XMPP_SERVICE_ACCOUNTS_FILE'] as const)
        rule(
          [name, 'XMPP_DOMAINS', 'XMPP_SERVERS'],
          meetsStrangers && values[name]?.has('*'),
          'has an account for *, whose password XMPP_DOMAINS=* would show to any server at all: name its domains',
        )
    },
    // Zod would leave the rules out after any faulty setting, and one restart would not show every problem.
    { when: () => true },
  )

function field(setting: Setting) {
  return z
    .string()
    .optional()
    .transform((given, context) => {
      const text = given?.trim() || setting.default
      const report: Report = problem => void context.addIssue(problem)
      return text === undefined ? undefined : readers[setting.kind](text, report, setting)
    })
}

/** As it stands in a problem's text; for settings that hold no secret. */
const quote = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)

function risks({ domains, servers, remotes, serviceAccounts, https, cors, bosh }: Config): string[] {
  const tls = https && readTlsFiles(https.files, () => undefined)
  const unchecked = [...servers, ...remotes].filter(([, { verify }]) => !verify)
  const unused = (named: Iterable<string>) =>
    [...named].filter(domain => domain !== '*' && !allowsDomain(domains, domain))
  return [
    ...(domains.includes('*')
      ? ['XMPP_DOMAINS has *: this service connects to any domain it is told, outside of private networks.']
      : []),
    ...unchecked.map(
      ([domain]) =>
        `XMPP_SERVERS has verify=off for ${domain}: whoever sits between can pose as its server and read passwords.`,
    ),
    ...unused([...servers.keys(), ...remotes.keys()]).map(
      domain => `XMPP_SERVERS names ${domain}, which XMPP_DOMAINS does not allow.`,
    ),
    ...unused(serviceAccounts.keys()).map(
      domain => `XMPP_SERVICE_ACCOUNTS has an account for ${domain}, which XMPP_DOMAINS does not allow.`,
    ),
    ...(tls === undefined ? [] : datesAmiss(tls, Date.now())),
    ...(bosh.enabled &&
    cors.origins.length > 0 &&
    !cors.headers.some(name => /^(\*|content-type)$/i.test(name))
      ? ['CORS_HEADERS leaves out Content-Type: browsers let no page of another origin use BOSH without it.']
      : []),
  ]
}

function freeze<T extends object>(value: T): T {
  const inner = value instanceof Map ? value.values() : Object.values(value)
  for (const part of inner) if (typeof part === 'object' && part !== null) freeze(part)
  return Object.freeze(value)
}
