import { mostDescriptors } from '../lib/limits/descriptors.js'
import { allowsDomain } from '../xmpp/jid/domains.js'
import { type Config, httpsPorts, joinedValues } from './config.js'
import { exposedFiles, shortSecrets } from './exposed-secrets.js'
import { jointProblems } from './joint-rules.js'
import { isLocal, socketPath, written } from './kinds/listen-addresses.js'
import { unreadableExclusions } from './kinds/proxies.js'
import { redisWarnings } from './redis-settings.js'
import type { Setting } from './setting.js'
import { type Environment, type Name, settings, type Values, withProxySettings } from './settings.js'
import { dateWarnings, readTlsFiles, tlsFiles } from './tls-files.js'
import { formerNames, unknownNames } from './unknown-names.js'

/** Lists all problems, without secrets. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(readonly problems: readonly string[]) {
    super(['The settings are invalid:', ...problems].join('\n- '))
  }
}

export interface Loaded {
  readonly environment: Environment
  readonly values: Values
  readonly config: Config
  readonly unknown: readonly string[]
  readonly warnings: readonly string[]
  readonly tlsWarnings: readonly string[]
}

/** Throws a `ConfigError`. `kept` replaces values of the environment. */
export function loadConfig(given: Environment, kept: Partial<Values> = {}): Loaded {
  const environment = withProxySettings(given)
  const problems: string[] = []
  const report = (name: Name, problem: string) => void problems.push(`${name} ${problem}`)
  const isFaulty = (name: Name) => problems.some(problem => problem.startsWith(`${name} `))

  const values: Values = { ...readValues(environment, report), ...kept }
  const former = formerNames(environment)
  problems.push(...jointProblems(values, isFaulty))
  problems.push(...former.filter(({ isGuard }) => isGuard).map(({ text }) => text))
  const isTlsWanted = isFaulty('HTTPS_PORT') || httpsPorts(values).length > 0
  const isOrdered = !isFaulty('TLS_CHAIN') && !isFaulty('TLS_KEY')
  const tls =
    isTlsWanted && isOrdered ? readTlsFiles(tlsFiles(values), problem => void problems.push(problem)) : undefined
  const unknown = unknownNames(environment)
  if (problems.length > 0) throw new ConfigError([...problems, ...unknown])

  const config = frozenConfig(values)
  const tlsWarnings = tls === undefined ? [] : [...tls.faults, ...dateWarnings(tls, Date.now())]
  return {
    environment,
    values,
    config,
    unknown,
    tlsWarnings,
    warnings: [
      ...former.map(({ text }) => text),
      ...quotedValues(environment),
      ...unknown,
      ...risks(config),
      ...tooFewDescriptors(config),
      ...unreadExclusions(environment, config),
      ...unsupportedProxy(environment, config),
      ...unusedPageSettings(environment, config),
      ...unusedAdmins(environment, config),
      ...tlsWarnings,
      ...exposedFiles(environment, values, tls),
    ],
  }
}

const rows = Object.entries(settings) as [Name, Setting][]

export function readValues(environment: Environment, report: (name: Name, problem: string) => undefined): Values {
  const entries = rows.map(([name, { kind, default: usual }]) => {
    const text = unquoted(environment[name]?.trim() ?? '') || usual
    return [name, text === undefined ? undefined : kind(text, problem => report(name, problem))]
  })
  return Object.fromEntries(entries)
}

const quoted = /^(["'])(.*)\1$/s

function unquoted(text: string): string {
  return quoted.exec(text)?.[2]?.trim() ?? text
}

function quotedValues(environment: Environment): string[] {
  return rows
    .filter(([name]) => quoted.test(environment[name]?.trim() ?? ''))
    .map(
      ([name]) =>
        `${name} has quotes around its value, which are ignored: docker run --env-file keeps them. Write it without quotes.`,
    )
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

const wideNetworks = /^(?:private|any|.*\/[0-8])$/i

function risks(config: Config): string[] {
  const { domains, servers, remotes, serviceAccounts, trustedProxies, pages, listen, https } = config
  const unchecked = [...servers, ...remotes].filter(([, { verify }]) => !verify)
  const sockets = [...listen.places, ...(https?.places ?? [])]
    .map(({ host }) => socketPath(host))
    .filter(path => path !== undefined)
  const unused = (named: Iterable<string>) =>
    [...named].filter(domain => domain !== '*' && !allowsDomain(domains, domain))
  return [
    ...(domains.includes('*')
      ? ['XMPP_DOMAINS has *: this service connects to the server of any domain, except in private networks.']
      : []),
    ...trustedProxies.list
      .filter(entry => wideNetworks.test(entry))
      .map(
        entry =>
          `TRUSTED_PROXIES has ${entry}: clients with such an address can claim any other address, and so avoid limits per address. List only the addresses of proxies.`,
      ),
    ...(listen.socketMode & 0o002 && sockets.length > 0
      ? [
          `SOCKET_MODE lets every user of this machine open ${sockets.join(', ')}, and claim any address, unless the folder is closed to them. Use 660, and a group that the proxy is in.`,
        ]
      : []),
    ...unchecked.map(
      ([domain]) =>
        `XMPP_SERVERS has verify=off for ${domain}: an attacker in between can pose as its server and read passwords.`,
    ),
    ...unused([...servers.keys(), ...remotes.keys()]).map(
      domain => `XMPP_SERVERS names ${domain}, which XMPP_DOMAINS does not allow.`,
    ),
    ...unused(serviceAccounts.keys()).map(
      domain => `XMPP_SERVICE_ACCOUNTS has an account for ${domain}, which XMPP_DOMAINS does not allow.`,
    ),
    ...(config.redis === undefined ? [] : redisWarnings(config.redis)),
    ...(pages.keys !== undefined && pages.jid !== undefined && editedClaims.includes(pages.jid.claim)
      ? [
          `PAGE_TOKEN_JID has {${pages.jid.claim}}: users of most identity providers can edit this claim, and so log in as others. Use a claim that they cannot edit, such as {sub}.`,
        ]
      : []),
    ...repeatedPaths(config),
    ...closedToBackends(config),
    ...shortSecrets(config),
  ]
}

function repeatedPaths({ externalUrl, boshPath, warmPath, websocketPath }: Config): string[] {
  if (externalUrl === undefined) return []
  const { pathname } = new URL(externalUrl)
  const paths = { BOSH_PATH: boshPath, WARM_PATH: warmPath, WEBSOCKET_PATH: websocketPath }
  return Object.entries(paths)
    .filter(([, path]) => pathname.endsWith(path))
    .map(
      ([name, path]) =>
        `EXTERNAL_URL ends with ${path}, and ${name} is appended to it: pages would get ${externalUrl}${path}. Write it without ${path}.`,
    )
}

/** One for the link, one for the page. */
const descriptorsPerSession = 2

/** Does not warn about the default, which no operator has chosen. */
function tooFewDescriptors({ limits }: Config): string[] {
  const room = Math.floor(mostDescriptors() / descriptorsPerSession)
  if (limits.sessions <= room || String(limits.sessions) === settings.MAX_SESSIONS.default) return []
  return [
    `MAX_SESSIONS is ${limits.sessions}, but a process has descriptors for only ${room} sessions here. Raise LimitNOFILE (systemd) or ulimit -n, or add processes.`,
  ]
}

function unreadExclusions(environment: Environment, { proxies }: Config): string[] {
  if (proxies.http === undefined && proxies.https === undefined) return []
  return unreadableExclusions(environment['NO_PROXY'] ?? '').map(
    entry =>
      `NO_PROXY has ${entry}, which is ignored: it is neither a host such as example.org, nor an address, nor a range such as 10.0.0.0/8.`,
  )
}

/** Programs that read ALL_PROXY use it for what the other two do not name. */
function unsupportedProxy(environment: Environment, { proxies }: Config): string[] {
  const name = ['ALL_PROXY', 'all_proxy'].find(name => environment[name]?.trim())
  if (name === undefined || proxies.https !== undefined) return []
  return [`${name} is not supported: to use a proxy, name an HTTP proxy in HTTPS_PROXY.`]
}

/** An empty PAGE_ORIGINS turns tokens off without a warning. */
function unusedPageSettings(environment: Environment, { pages }: Config): string[] {
  if (pages.origins.length > 0 || environment['PAGE_ORIGINS'] !== undefined) return []
  const { secrets, keys, audience, issuer, jid } = pages
  const set = { SECRET_FILE: secrets, JWKS: keys, AUDIENCE: audience, ISSUER: issuer, JID: jid }
  const names = Object.entries(set).flatMap(([name, value]) => (value === undefined ? [] : [`PAGE_TOKEN_${name}`]))
  return names
    .slice(0, 1)
    .map(name => `${name} has no effect without PAGE_ORIGINS: also name the origins of your pages.`)
}

function unusedAdmins(environment: Environment, { warm, admins, pages }: Config): string[] {
  if (warm.hasPages || admins.length === 0 || pages.admin !== undefined) return []
  const names = ['ADMIN_USERS', 'ADMIN_USERS_FILE'].filter(name => environment[name])
  return names.map(
    name => `${name} has no effect with WARM_ENABLED=off. To keep the pages for admins, write WARM_ENABLED=pages.`,
  )
}

function closedToBackends({ listen, warm, warmPath, assumeSecure }: Config): string[] {
  const open = listen.places.filter(place => !isLocal(place))
  if (!warm.hasPages || open.length === 0 || assumeSecure) return []
  return [
    `${warmPath} refuses calls without TLS to ${open.map(written).join(', ')} with 403 insecure-channel: HOST has more than loopback addresses, and passwords would travel unencrypted. If a proxy in front of this service ends TLS, name it in TRUSTED_PROXIES or set ASSUME_SECURE=on.`,
  ]
}
