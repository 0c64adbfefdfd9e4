import { X509Certificate } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { allowsDomain } from '../xmpp/jid/domains.js'
import { type Config, httpsPorts, joinedValues, tlsFiles } from './config.js'
import { exposedFiles } from './exposed-secrets.js'
import { jointProblems } from './joint-rules.js'
import { isLocal, socketPath, written } from './kinds/listen-addresses.js'
import { parseSecretHash } from './kinds/secret-hash.js'
import { redisWarnings } from './redis-settings.js'
import type { Setting } from './setting.js'
import { type Environment, type Name, settings, type Values, withProxySettings } from './settings.js'
import { hasExpired, nameWarnings, readTlsFiles, type TlsMaterial, tlsWarnings } from './tls-files.js'
import { formerNames, unknownNames } from './unknown-names.js'

/** Lists all problems, without secrets. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(readonly problems: readonly string[]) {
    super(['The settings are invalid:', ...problems].join('\n- '))
  }
}

export type Loaded = Readonly<ReturnType<typeof loadConfig>>

/** Throws a `ConfigError`. `kept` replaces values of the environment. */
export function loadConfig(given: Environment, kept: Partial<Values> = {}) {
  const environment = withProxySettings(given)
  const problems: string[] = []
  const report = (name: Name, problem: string) => void problems.push(`${name} ${problem}`)
  const isFaulty = (name: Name) => problems.some(problem => problem.startsWith(`${name} `))

  const values: Values = { ...readValues(environment, report), ...kept }
  const former = formerNames(environment)
  problems.push(...jointProblems(values, isFaulty))
  const isTlsWanted = isFaulty('HTTPS_PORT') || httpsPorts(values).length > 0
  const isOrdered = !isFaulty('TLS_CHAIN') && !isFaulty('TLS_KEY')
  const tls =
    isTlsWanted && isOrdered ? readTlsFiles(tlsFiles(values), problem => void problems.push(problem)) : undefined
  const unknown = unknownNames(environment)
  if (problems.length > 0 || former.some(({ isGuard }) => isGuard))
    throw new ConfigError([...problems, ...former.map(({ text }) => text), ...unknown])

  const config = frozenConfig(values)
  const ofTls = tls === undefined ? [] : tlsWarnings(tls, Date.now())
  return {
    environment,
    values,
    config,
    unknown,
    tlsWarnings: ofTls,
    warnings: [
      ...former.map(({ text }) => text),
      ...unknown,
      ...risks(environment, config),
      ...unservedDomains(config, values),
      ...shutOutPages(config),
      ...ofTls,
      ...uncoveredNames(tls, config),
      ...exposedFiles(environment, values),
    ],
  }
}

/** If each client needs a certificate, only proxies connect, under any name. */
function uncoveredNames(tls: TlsMaterial | undefined, { externalUrl, http, https }: Config): string[] {
  if (tls === undefined || https?.clientAuth === 'all') return []
  return nameWarnings(tls, externalUrls(externalUrl, http))
}

const externalUrls = (externalUrl: string | undefined, { hosts }: Config['http']) => [
  externalUrl,
  ...[...hosts.values()].flat().map(host => host.externalUrl),
]

/** Domains that one setting names, and another excludes. */
function unservedDomains({ domains, retiredDomains, admins, pages }: Config, values: Values): string[] {
  const retired = domains.filter(domain => allowsDomain(retiredDomains, domain))
  const admin = pages.origins.length === 0 ? undefined : admins.find(({ name }) => name === pages.admin)
  const ofPages = { PAGE_TOKEN_JID: pages.jid?.domain, PAGE_GUESTS: pages.guests }
  const closed = Object.entries(ofPages).filter(
    ([, domain]) => admin !== undefined && domain !== undefined && !allowsDomain(admin.domains, domain),
  )
  const known = [...domains, ...retiredDomains]
  const { servers, remotes } = values.XMPP_SERVERS
  const named = {
    XMPP_SERVERS: [...servers.keys(), ...remotes.keys()],
    XMPP_SERVICE_ACCOUNTS: [...values.XMPP_SERVICE_ACCOUNTS.keys()],
    XMPP_SERVICE_ACCOUNTS_FILE: [...values.XMPP_SERVICE_ACCOUNTS_FILE.keys()],
    XMPP_LOGIN_KEYS_FILE: [...values.XMPP_LOGIN_KEYS_FILE.keys()],
    XMPP_CREATE_ACCOUNTS: [...values.XMPP_CREATE_ACCOUNTS.keys()],
  }
  return [
    ...Object.entries(named).flatMap(([setting, all]) =>
      all
        .filter(domain => domain !== '*' && !allowsDomain(known, domain))
        .map(domain => `${setting} has ${domain}, which XMPP_DOMAINS does not allow: the entry has no effect.`),
    ),
    ...retired.map(
      domain => `XMPP_DOMAINS has ${domain}, but XMPP_RETIRED_DOMAINS has it too: its users cannot log in.`,
    ),
    ...closed.map(
      ([setting, domain]) =>
        `PAGE_ADMIN is an account without the domain ${domain} of ${setting}: calls of its pages get 403 forbidden.`,
    ),
  ]
}

/** Origins whose pages may log in, and not use the session. */
function shutOutPages({ pages, bosh, websocket, corsOrigins, externalUrl, http }: Config): string[] {
  const { origins } = pages
  const needsCookie = bosh.attachBinding !== 'off'
  // Browsers do not ask for CORS at a page's own origin.
  const own = externalUrls(externalUrl, http).flatMap(url => (url === undefined ? [] : [new URL(url).origin]))
  const ofBosh = [...corsOrigins, ...own].filter(origin => !needsCookie || origin !== '*')
  const boshOrCookie = needsCookie ? 'the cookie of ATTACH_BINDING' : 'BOSH'
  const lacks = (name: string, allowed: readonly string[], what: string) =>
    origins
      .filter(origin => !allowed.includes('*') && !allowed.includes(origin))
      .map(origin => `${name} lacks ${origin} of PAGE_ORIGINS: its pages cannot use ${what}.`)
  return [
    ...(bosh.enabled ? lacks('CORS_ORIGINS', ofBosh, `${boshOrCookie}, unless this service has the same origin`) : []),
    ...(websocket.enabled && !needsCookie ? lacks('WEBSOCKET_ORIGINS', websocket.origins, 'WebSocket') : []),
  ]
}

const rows = Object.entries(settings) as [Name, Setting][]

export function readValues(environment: Environment, report: (name: Name, problem: string) => undefined): Values {
  const entries = rows.map(([name, { kind, default: usual }]) => {
    const text = unquoted(environment[name]?.trim() ?? '') || usual
    if (text?.includes('\0')) return [name, report(name, 'has a NUL character')]
    return [name, text === undefined ? undefined : kind(text, problem => report(name, problem))]
  })
  return Object.fromEntries(entries)
}

/** `docker run --env-file` keeps quotes around a value. */
function unquoted(text: string): string {
  return /^(["'])(.*)\1$/s.exec(text)?.[2]?.trim() ?? text
}

function frozenConfig(values: Values): Config {
  const placed = rows.map(([name, { at }]) => [at, values[name]] as const)
  const config: Record<string, unknown> = {}
  for (const [place, value] of [...placed, ...Object.entries(joinedValues(values))]) {
    if (place === undefined) continue
    const parts = place.split('.')
    const last = parts.pop()!
    let slice = config
    for (const part of parts) {
      slice[part] ??= {}
      slice = slice[part] as typeof config
    }
    slice[last] = value
  }
  return freeze(config) as unknown as Config
}

function freeze<T extends object>(value: T): T {
  const inner = value instanceof Map ? value.values() : Object.values(value)
  for (const part of inner) if (typeof part === 'object' && part !== null) freeze(part)
  return Object.freeze(value)
}

/** Claims that most identity providers let users edit (OpenID Connect Core §5.1). */
const editedClaims: readonly string[] = ['name', 'nickname', 'given_name', 'family_name', 'middle_name', 'profile']

const mostWorkersPerCore = 2

const wideNetworks = /^(?:private|any|.*\/[0-8])$/i

function risks(environment: Environment, config: Config): string[] {
  const { assumeSecure, domains, servers, remotes, redis, trustedProxies, pages, listen, https, warm } = config
  const { requireSecure, externalUrl, workers } = config
  const cores = availableParallelism()
  const sockets = [...listen.places, ...(https?.places ?? [])]
    .map(({ host }) => socketPath(host))
    .filter(path => path !== undefined)
  const open = listen.places.filter(place => !isLocal(place)).map(written)
  const [pageSetting] = rows.find(([name]) => /^PAGE_(TOKEN_|GUESTS)/.test(name) && environment[name]?.trim()) ?? []
  // An empty PAGE_ORIGINS turns tokens and guests off without a warning.
  const hasNoOrigins = pages.origins.length === 0 && environment['PAGE_ORIGINS'] === undefined
  const claim = pages.secrets === undefined ? pages.jid?.claim : undefined
  const possible: Readonly<Record<string, boolean>> = {
    'XMPP_DOMAINS has *: this service connects to the server of any domain, except in private networks.':
      domains.includes('*'),
    [`SOCKET_MODE lets every user of this machine open ${sockets.join(', ')}, and claim any address, unless the folder is closed to them. Use 660, and a group that the proxy is in.`]:
      (listen.socketMode & 0o002) !== 0 && sockets.length > 0,
    [`PAGE_TOKEN_JID has {${claim}}: users of most identity providers can edit this claim, and so log in as others. Use a claim that they cannot edit, such as {sub}.`]:
      claim !== undefined && editedClaims.includes(claim),
    [`${config.warmPath} refuses calls without TLS to ${open.join(', ')} with 403 insecure-channel: HOST has more than loopback addresses, and passwords would travel unencrypted. If a proxy in front of this service ends TLS, name it in TRUSTED_PROXIES or set ASSUME_SECURE=on.`]:
      warm.hasPages && open.length > 0 && !assumeSecure,
    [`${pageSetting} has no effect without PAGE_ORIGINS: also name the origins of your pages.`]:
      hasNoOrigins && pageSetting !== undefined,
    'REQUIRE_SECURE=on refuses the sessions of EXTERNAL_URL, which begins with http://.':
      requireSecure && externalUrl?.startsWith('http:') === true,
    [`WORKERS is ${workers}, but this machine has ${cores} cores: more workers than cores only need more memory.`]:
      workers > mostWorkersPerCore * cores,
  }
  const wide = trustedProxies.list.filter(entry => wideNetworks.test(entry))
  const trusts = [...servers, ...remotes]
  const unchecked = trusts.filter(([, { verify }]) => !verify)
  const expired = [
    ...trusts.map(([domain, { ca }]) => ['ca', domain, ca] as const),
    ...Array.from(servers, ([domain, { certificate }]) => ['cert', domain, certificate?.cert] as const),
  ].filter(([, , pem]) => pem !== undefined && hasExpired(new X509Certificate(pem), Date.now()))
  return [
    ...Object.keys(possible).filter(sentence => possible[sentence]),
    ...wide.map(
      entry =>
        `TRUSTED_PROXIES has ${entry}: clients with such an address can claim any other address, and so avoid limits per address. List only the addresses of proxies.`,
    ),
    ...unchecked.map(
      ([domain]) =>
        `XMPP_SERVERS has verify=off for ${domain}: an attacker in between can pose as its server and read passwords.`,
    ),
    ...expired.map(([option, domain]) => `XMPP_SERVERS has ${option} for ${domain}, whose certificate has expired.`),
    ...(redis === undefined ? [] : redisWarnings(redis)),
    ...shortSecrets(config),
  ]
}

/** Characters of admins' secrets. */
const leastForMachines = 12
const leastForPrograms = 6

function shortSecrets({ admins, warm, listen, https }: Config): string[] {
  const places = [...listen.places, ...(https?.places ?? [])]
  const isOpen = !places.every(isLocal)
  const [least, guessers, remedy] = isOpen
    ? [leastForMachines, 'other machines', ', or listen on loopback addresses alone']
    : [leastForPrograms, 'programs on this machine, or clients of a proxy,', '']
  const names = admins
    .filter(({ secret }) => secret.length < least && parseSecretHash(secret) === undefined)
    .map(({ name }) => name)
  if (names.length === 0 || !warm.hasPages) return []
  return [
    `The secrets of these admins have fewer than ${least} characters, and ${guessers} can try to guess them: ${[...new Set(names)].join(', ')}. Make longer ones, for example with openssl rand -hex 24${remedy}.`,
  ]
}
