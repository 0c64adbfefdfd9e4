import { isIP } from 'node:net'
import { allowsDomain } from '../xmpp/jid/domains.js'
import { type HostEntry, httpHosts, httpsPlaces, httpsPorts } from './config.js'
import { problemOfSecond } from './kinds/account-lists.js'
import { hostVariable } from './kinds/kinds.js'
import { type Address, isSocket, isWildcard, type Place, placesOf, written } from './kinds/listen-addresses.js'
import { hasPages, pageFaults } from './page-rules.js'
import { redisFaults } from './redis-settings.js'
import { type Name, orInFiles, settings, type Values } from './settings.js'

/** Skips rules that read a faulty setting. */
export function jointProblems(values: Values, isFaulty: (name: Name) => boolean): string[] {
  const unreadable = Symbol('the value of a faulty setting')
  const set = new Proxy(values, {
    get(_values, name: Name) {
      if (isFaulty(name)) throw unreadable
      return values[name]
    },
  })
  return rules.flatMap(problemsOf => {
    try {
      return problemsOf(set)
    } catch (error) {
      if (error === unreadable) return []
      throw error
    }
  })
}

const takenPaths = ['/assets', '/openapi.json', '/.well-known', '/healthz', '/readyz'] as const
const outside = `lie outside of ${takenPaths.join(', ')}`

const nameCertificate = 'name a PEM file with the certificate of this service and its chain'
const onlyHostsFill = `has ${hostVariable}, which has a value only for hosts in HTTP_HOSTS: also set HTTP_DEFAULT_HOST, for example to none`
const showsPassword = 'has an account for *, whose password any server could get with XMPP_DOMAINS=*: name its domains'

type Rules = Readonly<Record<string, (set: Values) => boolean | undefined>>

/** Undefined if the endpoint is off. */
const pathsOf = {
  PAGE_PATH: set => (hasPages(set) ? set.PAGE_PATH : undefined),
  WEBSOCKET_PATH: set => (set.WEBSOCKET_ENABLED ? set.WEBSOCKET_PATH : undefined),
  WARM_PATH: set => (set.WARM_ENABLED === false ? undefined : set.WARM_PATH),
  BOSH_PATH: set => (set.BOSH_ENABLED ? set.BOSH_PATH : undefined),
} satisfies Record<string, (set: Values) => string | undefined>

const pathFaults: Rules = {
  ...Object.fromEntries(
    Object.entries(pathsOf).flatMap(([name, pathOf]) => [
      [`${name} must ${outside}`, (set: Values) => isTaken(pathOf(set))],
      name === 'PAGE_PATH'
        ? [`${name} must not have ${hostVariable}`, (set: Values) => pathOf(set)?.includes(hostVariable)]
        : [
            `${name} ${onlyHostsFill}`,
            (set: Values) => set.HTTP_DEFAULT_HOST === undefined && pathOf(set)?.includes(hostVariable),
          ],
    ]),
  ),
  ...Object.fromEntries(
    pairsOf(Object.entries(pathsOf)).map(([[name, pathOf], [other, otherPath]]) => [
      `${name} and ${other} must differ, and neither may lie inside the other`,
      (set: Values) => overlap(pathOf(set), otherPath(set)),
    ]),
  ),
}

function pairsOf<T>(list: readonly T[]): readonly (readonly [T, T])[] {
  return list.flatMap((one, index) => list.slice(index + 1).map(other => [one, other] as const))
}

const faults: Rules = {
  'ADMIN_USERS is required, or ADMIN_USERS_FILE: name an account that may call the warm API, for example ADMIN_USERS=portal:a-long-random-secret':
    set => set.WARM_ENABLED === true && hasNoAdmins(set),
  'ADMIN_USERS is required for WARM_ENABLED=pages, or ADMIN_USERS_FILE: name an account that may open the pages for admins, for example ADMIN_USERS=operator:a-long-random-secret':
    set => set.WARM_ENABLED === 'pages' && hasNoAdmins(set),
  'WARM_ENABLED=pages needs an admin who may see the pages: all have role=warm': set => {
    const admins = [...set.ADMIN_USERS, ...set.ADMIN_USERS_FILE]
    return set.WARM_ENABLED === 'pages' && admins.length > 0 && admins.every(({ role }) => role === 'warm')
  },
  'XMPP_DOMAINS is required: list the domains whose users may log in, for example XMPP_DOMAINS=example.org,*.example.net':
    set => set.XMPP_DOMAINS.length === 0,

  'PORT is off, and there is no HTTPS_PORT: the service would not listen': set =>
    placesOf(set.HOST, set.PORT).length + httpsPorts(set).length === 0,
  'PORT is off, but HOST has a port: keep one of the two': set => set.PORT.length === 0 && hasOwnPort(set.HOST),
  'HTTPS_PORT is off, but HTTPS_HOST has a port: keep one of the two': set =>
    set.HTTPS_PORT?.length === 0 && hasOwnPort(set.HTTPS_HOST),
  'HTTPS_HOST is required for HTTPS_PORT: HOST has only Unix sockets, which are for HTTP': set =>
    httpsPorts(set).length > 0 && httpsPlaces(set).length === 0,
  'PROXY_PROTOCOL is on, but no proxy is trusted: name its address in TRUSTED_PROXIES': set =>
    set.PROXY_PROTOCOL &&
    set.TRUSTED_PROXIES.list.length === 0 &&
    ![...set.HOST, ...(set.HTTPS_HOST ?? [])].some(isSocket),
  [`TLS_CERT is required for HTTPS_PORT: ${nameCertificate}`]: set =>
    set.TLS_CERT.length === 0 && set.HTTPS_PORT !== undefined && set.HTTPS_PORT.length > 0,
  [`TLS_CERT is required for HTTPS_HOST: ${nameCertificate}`]: set =>
    set.TLS_CERT.length === 0 && set.HTTPS_PORT === undefined && set.HTTPS_HOST !== undefined,
  'TLS_CLIENT_CA is required for TLS_CLIENT_AUTH: name a PEM file with the CAs of client certificates': set =>
    set.TLS_CLIENT_AUTH !== 'off' && set.TLS_CLIENT_CA === undefined,
  'TLS_CLIENT_AUTH is off, but TLS_CLIENT_CA is set: set it to warm or all': set =>
    set.TLS_CLIENT_AUTH === 'off' && set.TLS_CLIENT_CA !== undefined,
  'TLS_CLIENT_AUTH needs HTTPS_PORT: otherwise no call could show a certificate': set =>
    set.TLS_CLIENT_AUTH !== 'off' && httpsPorts(set).length === 0,
  'TLS_KEY must name one file for each of TLS_CERT, in the same order': set =>
    set.TLS_KEY && set.TLS_KEY.length !== set.TLS_CERT.length,
  'TLS_CHAIN must name one file for each of TLS_CERT, in the same order': set =>
    set.TLS_CHAIN && set.TLS_CHAIN.length !== set.TLS_CERT.length,

  'HTTP_DEFAULT_HOST must be one of the hosts in HTTP_HOSTS, or none': set =>
    set.HTTP_DEFAULT_HOST !== undefined &&
    set.HTTP_DEFAULT_HOST !== 'none' &&
    !set.HTTP_HOSTS.has(set.HTTP_DEFAULT_HOST),
  'HTTP_DEFAULT_HOST=none needs HTTP_HOSTS: every request would be refused': set =>
    set.HTTP_DEFAULT_HOST === 'none' && set.HTTP_HOSTS.size === 0,
  'BOSH_DEFAULT_DOMAIN must be a domain that XMPP_DOMAINS allows': set =>
    set.BOSH_DEFAULT_DOMAIN !== undefined && !allowsDomain(set.XMPP_DOMAINS, set.BOSH_DEFAULT_DOMAIN),

  'WARM_ENABLED, BOSH_ENABLED and WEBSOCKET_ENABLED are all off: nothing is left to serve': set =>
    set.WARM_ENABLED === false && !set.BOSH_ENABLED && !set.WEBSOCKET_ENABLED,
  ...pathFaults,

  'EVENTS_SECRET is required for EVENTS_URL, or EVENTS_SECRET_FILE: make one, for example with openssl rand -hex 32':
    set => set.EVENTS_URL !== undefined && set.EVENTS_SECRET === undefined && set.EVENTS_SECRET_FILE === undefined,

  'SEAL_KEY_FILE is required for STATE_DIR: make the file with (umask 077; openssl rand -base64 32 > seal.key)': set =>
    set.STATE_DIR !== undefined && set.SEAL_KEY_FILE === undefined,
  'LINK_RESUME_TIME is 0, but STATE_DIR needs it: sessions outlive a restart only if their links can be mended': set =>
    set.STATE_DIR !== undefined && set.LINK_RESUME_TIME === 0,

  ...redisFaults,
  ...pageFaults,

  'XMPP_CREATE_ACCOUNTS has a domain without a key in XMPP_LOGIN_KEYS_FILE and without an account in XMPP_SERVICE_ACCOUNTS: its users bring passwords':
    set => [...set.XMPP_CREATE_ACCOUNTS.keys()].some(domain => !hasOperatorLogin(set, domain)),
  'XMPP_SERVICE_ACCOUNTS_FILE has an account for a domain of XMPP_SERVICE_ACCOUNTS: keep one of the two': set =>
    [...set.XMPP_SERVICE_ACCOUNTS_FILE.keys()].some(domain => set.XMPP_SERVICE_ACCOUNTS.has(domain)),
  [`XMPP_SERVICE_ACCOUNTS ${showsPassword}`]: set => isForAnyServer(set.XMPP_SERVICE_ACCOUNTS, set),
  [`XMPP_SERVICE_ACCOUNTS_FILE ${showsPassword}`]: set => isForAnyServer(set.XMPP_SERVICE_ACCOUNTS_FILE, set),
}

const inBothPlaces = orInFiles
  .filter(name => settings[name].default === undefined)
  .map((name): [string, (set: Values) => boolean] => [
    `${name}_FILE and ${name} are both set: keep one of the two`,
    set => set[name] !== undefined && set[`${name}_FILE`] !== undefined,
  ])

const rules: readonly ((set: Values) => readonly string[])[] = [
  ...[...Object.entries(faults), ...inBothPlaces].map(
    ([problem, isSo]) =>
      (set: Values) =>
        isSo(set) ? [problem] : [],
  ),
  portFaults,
  ({ ADMIN_USERS, ADMIN_USERS_FILE }) =>
    ADMIN_USERS_FILE.flatMap((admin, index) => {
      if (!ADMIN_USERS.some(({ name }) => name === admin.name)) return []
      const problem = problemOfSecond(admin, [...ADMIN_USERS, ...ADMIN_USERS_FILE.slice(0, index)])
      return problem === undefined
        ? []
        : [`ADMIN_USERS_FILE has an account with the name of an account in ADMIN_USERS, ${problem}`]
    }),
  set =>
    [...httpHosts(set)].flatMap(([name, hosts]) =>
      hosts.flatMap((host, index) =>
        problemsOfHost(host, hosts.slice(0, index), set).map(problem => `HTTP_HOSTS for ${name} has ${problem}`),
      ),
    ),
]

/** The service could not listen at two places of which one is, or includes, the other. */
function portFaults(set: Values): string[] {
  const { METRICS_ADDRESS: metrics, PEER_LISTEN: peers } = set
  const needed: (readonly [name: string, place: Place])[] = [
    ...placesOf(set.HOST, set.PORT).map(place => ['PORT', place] as const),
    ...httpsPlaces(set).map(place => ['HTTPS_PORT', place] as const),
    ...(metrics === undefined ? [] : [['METRICS_ADDRESS', metrics] as const]),
    // Each of WORKERS takes a free port.
    ...(peers === undefined || set.WORKERS > 0 ? [] : [['PEER_LISTEN', peers] as const]),
  ]
  return needed.flatMap(([name, place], index) => {
    const [other, taken] = needed.slice(0, index).find(([, earlier]) => areOne(earlier, place)) ?? []
    if (other === undefined || taken === undefined) return []
    return [`${name} needs ${written(place)}, but ${other} needs ${written(taken)}: choose another for one of them`]
  })
}

function areOne(one: Place, other: Place): boolean {
  if (isSocket(one) || isSocket(other)) return one.host === other.host
  if (one.port !== other.port || one.port === 0) return false
  if (one.host === other.host) return true
  const families = [one, other].map(({ host }) => isIP(host))
  return families[0] === families[1] && families[0] !== 0 && (isWildcard(one.host) || isWildcard(other.host))
}

const hasNoAdmins = (set: Values) => set.ADMIN_USERS.length + set.ADMIN_USERS_FILE.length === 0

function hasOwnPort(addresses: readonly Address[] = []): boolean {
  return addresses.some(({ port }) => port !== undefined)
}

function hasOperatorLogin(set: Values, domain: string): boolean {
  const accounts = [set.XMPP_SERVICE_ACCOUNTS, set.XMPP_SERVICE_ACCOUNTS_FILE]
  return set.XMPP_LOGIN_KEYS_FILE.has(domain) || accounts.some(map => map.has(domain) || map.has('*'))
}

function isForAnyServer(accounts: Values['XMPP_SERVICE_ACCOUNTS'], set: Values): boolean {
  if (!accounts.has('*') || !set.XMPP_DOMAINS.includes('*')) return false
  return !set.XMPP_SERVERS.servers.has('*') && set.XMPP_SERVERS.remotes.get('*')?.url === undefined
}

function problemsOfHost(host: HostEntry, before: readonly HostEntry[], set: Values): readonly string[] {
  const own = endpointsOf(host, set)
  const paths = own.map(([, path]) => path)
  const called = ({ domain = 'all domains' }: HostEntry) => domain
  return [
    host.domain !== undefined &&
      !allowsDomain(set.XMPP_DOMAINS, host.domain) &&
      `the domain ${host.domain}, which XMPP_DOMAINS does not allow`,
    pairsOf(paths).some(pair => overlap(...pair)) && 'the same path for two endpoints, or one inside the other',
    paths.some(path => overlap(path, pathsOf.PAGE_PATH(set))) && 'a path that is PAGE_PATH, or one inside the other',
    paths.some(isTaken) && `a path that does not ${outside}`,
    paths.some(path => path.includes(hostVariable)) &&
      `no domain to replace ${hostVariable} in a path: give this host its own paths`,
    ...before.map(
      other =>
        endpointsOf(other, set).some(one => own.some(second => contradict(one, second))) &&
        `the same path for ${called(other)} and ${called(host)}, or one inside the other: write ${hostVariable} in BOSH_PATH, or give each paths of its own`,
    ),
  ].filter(problem => problem !== false)
}

type EndpointPath = readonly [endpoint: string, path: string]

function endpointsOf({ boshPath, warmPath, websocketPath }: HostEntry, set: Values): readonly EndpointPath[] {
  const all = { BOSH_PATH: boshPath, WARM_PATH: warmPath, WEBSOCKET_PATH: websocketPath }
  return Object.entries(all).flatMap(([name, path]) =>
    path === undefined || pathsOf[name as keyof typeof all](set) === undefined ? [] : [[name, path] as const],
  )
}

/** Domains may share paths of the warm API and of WebSocket, because these requests name the domain. */
function contradict([endpoint, path]: EndpointPath, [other, otherPath]: EndpointPath): boolean {
  const isShared = endpoint === other && endpoint !== 'BOSH_PATH' && path === otherPath
  return !isShared && overlap(path, otherPath)
}

/** Nested paths overlap too, because Express and the dispatcher would disagree on them. */
function overlap(path: string | undefined, other: string | undefined): boolean {
  if (path === undefined || other === undefined) return false
  return `${path}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${path}/`)
}

function isTaken(path: string | undefined): boolean {
  return takenPaths.some(taken => overlap(path, taken))
}
