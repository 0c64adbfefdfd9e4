import { allowsDomain } from '../xmpp/jid/domains.js'
import { type HostEntry, httpHosts, httpsPlaces, httpsPorts } from './config.js'
import { problemOfSecond } from './kinds/account-lists.js'
import { hostVariable } from './kinds/kinds.js'
import { type Address, collide, isSocket, placesOf } from './kinds/listen-addresses.js'
import { hasPages, pageFaults } from './page-settings.js'
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

const mustDiffer = 'must differ: both would use the same port of an address'
const includesAnother = 'has 0.0.0.0 or :: and another address that it includes, at the same port: keep one of the two'
const nameCertificate = 'name a PEM file with the certificate of this service and its chain'
const onlyHostsFill = `has ${hostVariable}, which has a value only for hosts in HTTP_HOSTS: also set HTTP_DEFAULT_HOST, for example to none`
const showsPassword = 'has an account for *, whose password any server could get with XMPP_DOMAINS=*: name its domains'

const faults: Readonly<Record<string, (set: Values) => boolean | undefined>> = {
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
  [`HTTPS_PORT and PORT ${mustDiffer}`]: set =>
    collide(
      httpsPlaces(set).filter(place => !isSocket(place)),
      placesOf(set.HOST, set.PORT),
    ),
  'HTTPS_HOST has a Unix socket of HOST: it is for one of the two': set =>
    httpsPlaces(set).some(place => isSocket(place) && set.HOST.some(({ host }) => host === place.host)),
  [`HOST ${includesAnother}`]: set => {
    const [http, secure] = [placesOf(set.HOST, set.PORT), httpsPlaces(set)]
    return collide(http, http) || (set.HTTPS_HOST === undefined && collide(secure, secure))
  },
  [`HTTPS_HOST ${includesAnother}`]: set => {
    const places = httpsPlaces(set)
    return set.HTTPS_HOST !== undefined && collide(places, places)
  },
  [`METRICS_ADDRESS and PORT ${mustDiffer}`]: set =>
    set.METRICS_ADDRESS && collide([set.METRICS_ADDRESS], placesOf(set.HOST, set.PORT)),
  [`METRICS_ADDRESS and HTTPS_PORT ${mustDiffer}`]: set =>
    set.METRICS_ADDRESS && collide([set.METRICS_ADDRESS], httpsPlaces(set)),
  [`PEER_LISTEN and PORT ${mustDiffer}`]: set =>
    set.PEER_LISTEN && collide([set.PEER_LISTEN], placesOf(set.HOST, set.PORT)),
  [`PEER_LISTEN and HTTPS_PORT ${mustDiffer}`]: set => set.PEER_LISTEN && collide([set.PEER_LISTEN], httpsPlaces(set)),
  [`PEER_LISTEN and METRICS_ADDRESS ${mustDiffer}`]: set =>
    set.PEER_LISTEN && set.METRICS_ADDRESS && collide([set.PEER_LISTEN], [set.METRICS_ADDRESS]),
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
  [`BOSH_PATH ${onlyHostsFill}`]: set => set.BOSH_ENABLED && isUnfilled(set.BOSH_PATH, set),
  [`BOSH_PATH must ${outside}`]: set => set.BOSH_ENABLED && isTaken(set.BOSH_PATH),
  [`WARM_PATH ${onlyHostsFill}`]: set => set.WARM_ENABLED !== false && isUnfilled(set.WARM_PATH, set),
  [`WARM_PATH must ${outside}`]: set => set.WARM_ENABLED !== false && isTaken(set.WARM_PATH),
  'WARM_PATH and BOSH_PATH must differ, and neither may lie inside the other': set =>
    set.WARM_ENABLED !== false && set.BOSH_ENABLED && overlap(set.WARM_PATH, set.BOSH_PATH),
  [`WEBSOCKET_PATH ${onlyHostsFill}`]: set => set.WEBSOCKET_ENABLED && isUnfilled(set.WEBSOCKET_PATH, set),
  [`WEBSOCKET_PATH must ${outside}`]: set => set.WEBSOCKET_ENABLED && isTaken(set.WEBSOCKET_PATH),
  'WEBSOCKET_PATH and BOSH_PATH must differ, and neither may lie inside the other': set =>
    set.WEBSOCKET_ENABLED && set.BOSH_ENABLED && overlap(set.WEBSOCKET_PATH, set.BOSH_PATH),
  'WEBSOCKET_PATH and WARM_PATH must differ, and neither may lie inside the other': set =>
    set.WEBSOCKET_ENABLED && set.WARM_ENABLED !== false && overlap(set.WEBSOCKET_PATH, set.WARM_PATH),

  [`PAGE_PATH must ${outside}`]: set => hasPages(set) && isTaken(set.PAGE_PATH),
  [`PAGE_PATH must not have ${hostVariable}`]: set => hasPages(set) && set.PAGE_PATH.includes(hostVariable),
  ...Object.fromEntries(
    (['BOSH', 'WARM', 'WEBSOCKET'] as const).map(name => [
      `PAGE_PATH and ${name}_PATH must differ, and neither may lie inside the other`,
      (set: Values) => hasPages(set) && set[`${name}_ENABLED`] !== false && overlap(set.PAGE_PATH, set[`${name}_PATH`]),
    ]),
  ),

  'EVENTS_SECRET is required for EVENTS_URL, or EVENTS_SECRET_FILE: make one, for example with openssl rand -hex 32':
    set => set.EVENTS_URL !== undefined && set.EVENTS_SECRET === undefined && set.EVENTS_SECRET_FILE === undefined,

  'SEAL_KEY_FILE is required for STATE_DIR: make the file with (umask 077; openssl rand -base64 32 > seal.key)': set =>
    set.STATE_DIR !== undefined && set.SEAL_KEY_FILE === undefined,
  'LINK_RESUME_TIME is 0, but STATE_DIR needs it: sessions outlive a restart only if their links can be mended': set =>
    set.STATE_DIR !== undefined && set.LINK_RESUME_TIME === 0,

  ...redisFaults,
  ...pageFaults,

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
  ({ ADMIN_USERS, ADMIN_USERS_FILE }) =>
    ADMIN_USERS_FILE.flatMap((admin, index) => {
      if (!ADMIN_USERS.some(({ name }) => name === admin.name)) return []
      const problem = problemOfSecond(admin, [...ADMIN_USERS, ...ADMIN_USERS_FILE.slice(0, index)])
      return problem === undefined
        ? []
        : [`ADMIN_USERS_FILE has an account with the name of an account in ADMIN_USERS, ${problem}`]
    }),
  set =>
    [...set.HTTP_HOSTS].flatMap(([name, entries]) =>
      entries
        .map(({ domain }) => domain)
        .filter(domain => domain !== undefined && !allowsDomain(set.XMPP_DOMAINS, domain))
        .map(domain => `HTTP_HOSTS for ${name} has the domain ${domain}, which XMPP_DOMAINS does not allow`),
    ),
  set =>
    [...httpHosts(set)].flatMap(([name, hosts]) => {
      const served = hosts.map(host => ({
        ...host,
        boshPath: set.BOSH_ENABLED ? host.boshPath : undefined,
        warmPath: set.WARM_ENABLED !== false ? host.warmPath : undefined,
        websocketPath: set.WEBSOCKET_ENABLED ? host.websocketPath : undefined,
      }))
      return served
        .flatMap((host, index) =>
          problemsOfHost(host, served.slice(0, index), hasPages(set) ? set.PAGE_PATH : undefined),
        )
        .map(problem => `HTTP_HOSTS for ${name} has ${problem}`)
    }),
]

const hasNoAdmins = (set: Values) => set.ADMIN_USERS.length + set.ADMIN_USERS_FILE.length === 0

function hasOwnPort(addresses: readonly Address[] = []): boolean {
  return addresses.some(({ port }) => port !== undefined)
}

function isUnfilled(path: string, set: Values): boolean {
  return path.includes(hostVariable) && set.HTTP_DEFAULT_HOST === undefined
}

function isForAnyServer(accounts: Values['XMPP_SERVICE_ACCOUNTS'], set: Values): boolean {
  if (!accounts.has('*') || !set.XMPP_DOMAINS.includes('*')) return false
  return !set.XMPP_SERVERS.servers.has('*') && set.XMPP_SERVERS.remotes.get('*')?.url === undefined
}

function problemsOfHost(
  host: HostEntry,
  before: readonly HostEntry[],
  pagePath: string | undefined,
): readonly string[] {
  const { boshPath, warmPath, websocketPath } = host
  const paths = [boshPath, warmPath, websocketPath].filter(path => path !== undefined)
  const called = ({ domain = 'all domains' }: HostEntry) => domain
  return [
    crossed(host, host) && 'the same path for two endpoints, or one inside the other',
    paths.some(path => overlap(path, pagePath)) && 'a path that is PAGE_PATH, or one inside the other',
    paths.some(isTaken) && `a path that does not ${outside}`,
    paths.some(path => path.includes(hostVariable)) &&
      `no domain to replace ${hostVariable} in a path: give this host its own paths`,
    ...before.map(
      other =>
        contradict(other, host) &&
        `the same path for ${called(other)} and ${called(host)}, or one inside the other: write ${hostVariable} in BOSH_PATH, or give each paths of its own`,
    ),
  ].filter(problem => problem !== false)
}

/** Domains may share paths of the warm API and of WebSocket, because these requests name the domain. */
function contradict(one: HostEntry, other: HostEntry): boolean {
  return (
    overlap(one.boshPath, other.boshPath) ||
    (one.warmPath !== other.warmPath && overlap(one.warmPath, other.warmPath)) ||
    (one.websocketPath !== other.websocketPath && overlap(one.websocketPath, other.websocketPath)) ||
    crossed(one, other) ||
    crossed(other, one)
  )
}

function crossed(one: HostEntry, other: HostEntry): boolean {
  const { boshPath, warmPath } = one
  return (
    overlap(boshPath, other.warmPath) ||
    overlap(boshPath, other.websocketPath) ||
    overlap(warmPath, other.websocketPath)
  )
}

/** Nested paths overlap too, because Express and the dispatcher would disagree on them. */
function overlap(path: string | undefined, other: string | undefined): boolean {
  if (path === undefined || other === undefined) return false
  return `${path}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${path}/`)
}

function isTaken(path: string): boolean {
  return takenPaths.some(taken => overlap(path, taken))
}
