// What the settings have to do with each other.
import { allowsDomain } from '../jid/domains.js'
import { type HttpHost, httpHosts, httpsPlaces, httpsPorts } from './config.js'
import { hostVariable } from './kinds.js'
import { type Address, collide, placesOf } from './listen-addresses.js'
import type { Name, Values } from './settings.js'

/** Judges several settings together. It is left out where one of them is faulty by itself. */
export interface Rule {
  /** The settings that it looks at; problems are reported for the first. */
  readonly names: readonly [Name, ...Name[]]
  /** What is wrong, worded to follow the name of the setting. */
  readonly problemsOf: (values: Values) => readonly string[]
}

function rule<N extends Name>(
  names: readonly [N, ...N[]],
  judge: (values: Pick<Values, N>) => false | undefined | string | readonly (string | false | undefined)[],
): Rule {
  return {
    names,
    problemsOf: values => [judge(values)].flat().filter(problem => typeof problem === 'string'),
  }
}

const hasOwnPort = (addresses: readonly Address[] = []) => addresses.some(({ port }) => port !== undefined)

export const rules: readonly Rule[] = [
  rule(
    ['ADMIN_USERS', 'ADMIN_USERS_FILE', 'WARM_ENABLED'],
    set =>
      set.WARM_ENABLED &&
      set.ADMIN_USERS.length + set.ADMIN_USERS_FILE.length === 0 &&
      'is required, or ADMIN_USERS_FILE: name an account that may call the warm API, for example ADMIN_USERS=portal:a-long-random-secret',
  ),
  rule(
    ['ADMIN_USERS_FILE', 'ADMIN_USERS'],
    set =>
      set.ADMIN_USERS_FILE.some(({ name }) => set.ADMIN_USERS.some(admin => admin.name === name)) &&
      'has an account with the name of one in ADMIN_USERS: keep one of the two',
  ),
  rule(
    ['XMPP_DOMAINS'],
    set =>
      set.XMPP_DOMAINS.length === 0 &&
      'is required: list the domains whose users may log in, for example XMPP_DOMAINS=example.org,*.example.net',
  ),

  rule(
    ['PORT', 'HTTPS_PORT', 'TLS_CERT', 'HTTPS_HOST'],
    set =>
      set.PORT.length + httpsPorts(set).length === 0 &&
      'is off, and there is no HTTPS_PORT: nothing is left to listen on',
  ),
  rule(
    ['PORT', 'HOST'],
    set =>
      set.PORT.length === 0 && hasOwnPort(set.HOST) && 'is off, but HOST has a port: keep one of the two',
  ),
  rule(
    ['HTTPS_PORT', 'HTTPS_HOST'],
    set =>
      set.HTTPS_PORT?.length === 0 &&
      hasOwnPort(set.HTTPS_HOST) &&
      'is off, but HTTPS_HOST has a port: keep one of the two',
  ),
  rule(['HTTPS_PORT', 'PORT', 'TLS_CERT', 'HOST', 'HTTPS_HOST'], set => {
    const plain = placesOf(set.HOST, set.PORT)
    const isTaken = httpsPlaces(set).some(one => plain.some(other => collide(one, other)))
    return isTaken && 'and PORT must differ: a port of an address is for one of the two'
  }),
  rule(
    ['TLS_CERT', 'HTTPS_PORT', 'HTTPS_HOST'],
    set =>
      set.TLS_CERT.length === 0 &&
      httpsPorts(set).length > 0 &&
      `is required for ${set.HTTPS_PORT === undefined ? 'HTTPS_HOST' : 'HTTPS_PORT'}: name a PEM file with the certificate of this service and its chain`,
  ),
  ...(['TLS_KEY', 'TLS_CHAIN'] as const).map(name =>
    rule(
      [name, 'TLS_CERT'],
      ({ [name]: files, TLS_CERT: certificates }) =>
        files !== undefined &&
        files.length !== certificates.length &&
        'must name one file for each of TLS_CERT, in the same order',
    ),
  ),
  rule(
    ['TLS_KEY_PASSPHRASE_FILE', 'TLS_KEY_PASSPHRASE'],
    set =>
      set.TLS_KEY_PASSPHRASE_FILE !== undefined &&
      set.TLS_KEY_PASSPHRASE !== undefined &&
      'and TLS_KEY_PASSPHRASE are both set: keep one of the two',
  ),

  rule(['HTTP_HOSTS', 'XMPP_DOMAINS'], set =>
    [...set.HTTP_HOSTS].flatMap(([name, entries]) =>
      entries.map(
        ({ domain }) =>
          domain !== undefined &&
          !allowsDomain(set.XMPP_DOMAINS, domain) &&
          `for ${name} has the domain ${domain}, which XMPP_DOMAINS does not allow`,
      ),
    ),
  ),
  rule(
    ['HTTP_DEFAULT_HOST', 'HTTP_HOSTS'],
    set =>
      set.HTTP_DEFAULT_HOST !== undefined &&
      !set.HTTP_HOSTS.has(set.HTTP_DEFAULT_HOST) &&
      'must be one of the hosts in HTTP_HOSTS',
  ),
  rule(
    ['HTTP_STRICT_HOST', 'HTTP_HOSTS'],
    set =>
      set.HTTP_STRICT_HOST && set.HTTP_HOSTS.size === 0 && 'needs HTTP_HOSTS: every request would be refused',
  ),
  rule(
    ['HTTP_STRICT_HOST', 'HTTP_DEFAULT_HOST'],
    set =>
      set.HTTP_STRICT_HOST &&
      set.HTTP_DEFAULT_HOST !== undefined &&
      'contradicts HTTP_DEFAULT_HOST, which answers requests to any other host: keep one of the two',
  ),
  rule(
    ['BOSH_DEFAULT_DOMAIN', 'XMPP_DOMAINS'],
    set =>
      set.BOSH_DEFAULT_DOMAIN !== undefined &&
      !allowsDomain(set.XMPP_DOMAINS, set.BOSH_DEFAULT_DOMAIN) &&
      'must be a domain that XMPP_DOMAINS allows',
  ),

  rule(
    ['WARM_ENABLED', 'BOSH_ENABLED'],
    set =>
      !set.WARM_ENABLED && !set.BOSH_ENABLED && 'is off, and so is BOSH_ENABLED: nothing is left to serve',
  ),
  ...rulesOfPath('BOSH_PATH', 'BOSH_ENABLED'),
  ...rulesOfPath('WARM_PATH', 'WARM_ENABLED'),
  rule(
    ['WARM_PATH', 'BOSH_PATH', 'WARM_ENABLED', 'BOSH_ENABLED'],
    set =>
      set.WARM_ENABLED &&
      set.BOSH_ENABLED &&
      overlap(set.WARM_PATH, set.BOSH_PATH) &&
      'and BOSH_PATH must differ, and neither may lie inside the other',
  ),
  rule(['HTTP_HOSTS', 'BOSH_PATH', 'WARM_PATH', 'WARM_ENABLED', 'BOSH_ENABLED'], set =>
    [...httpHosts(set)].flatMap(([name, hosts]) => {
      const served = hosts.map(({ domain, boshPath, warmPath }) => ({
        domain,
        bosh: set.BOSH_ENABLED ? boshPath : undefined,
        warm: set.WARM_ENABLED ? warmPath : undefined,
      }))
      return served
        .flatMap((host, index) => problemsOfHost(host, served.slice(0, index)))
        .map(problem => `for ${name} has ${problem}`)
    }),
  ),

  rule(
    ['BOSH_MAX_REQUESTS', 'BOSH_DEFAULT_HOLD'],
    set => set.BOSH_MAX_REQUESTS <= set.BOSH_DEFAULT_HOLD && 'must be greater than BOSH_DEFAULT_HOLD',
  ),
  rule(
    ['CORS_CREDENTIALS', 'CORS_ORIGINS'],
    set =>
      set.CORS_CREDENTIALS &&
      set.CORS_ORIGINS.includes('*') &&
      "needs CORS_ORIGINS to list the origins: any site could use a visitor's session otherwise",
  ),
  rule(
    ['CORS_HEADERS', 'CORS_CREDENTIALS'],
    set =>
      set.CORS_CREDENTIALS &&
      set.CORS_HEADERS.includes('*') &&
      'must list the headers where CORS_CREDENTIALS is on: browsers take * for the name of a header then',
  ),
  rule(
    ['CORS_METHODS'],
    set => set.CORS_METHODS.includes('*') && 'must list the methods: * is the name of none',
  ),
  rule(
    ['XMPP_SERVICE_ACCOUNTS_FILE', 'XMPP_SERVICE_ACCOUNTS'],
    set =>
      [...set.XMPP_SERVICE_ACCOUNTS_FILE.keys()].some(domain => set.XMPP_SERVICE_ACCOUNTS.has(domain)) &&
      'has an account for a domain of XMPP_SERVICE_ACCOUNTS: keep one of the two',
  ),
  ...(['XMPP_SERVICE_ACCOUNTS', 'XMPP_SERVICE_ACCOUNTS_FILE'] as const).map(name =>
    rule(
      [name, 'XMPP_DOMAINS', 'XMPP_SERVERS'],
      ({ [name]: accounts, XMPP_DOMAINS: domains, XMPP_SERVERS: { servers, remotes } }) =>
        accounts.has('*') &&
        domains.includes('*') &&
        !servers.has('*') &&
        remotes.get('*')?.url === undefined &&
        'has an account for *, whose password XMPP_DOMAINS=* would show to any server at all: name its domains',
    ),
  ),
]

function rulesOfPath(name: 'BOSH_PATH' | 'WARM_PATH', switchName: 'BOSH_ENABLED' | 'WARM_ENABLED'): Rule[] {
  return [
    rule(
      [name, switchName, 'HTTP_HOSTS', 'HTTP_DEFAULT_HOST', 'HTTP_STRICT_HOST'],
      set =>
        set[switchName] &&
        set[name].includes(hostVariable) &&
        !set.HTTP_STRICT_HOST &&
        set.HTTP_DEFAULT_HOST === undefined &&
        `has ${hostVariable}, which only a host in HTTP_HOSTS fills in: set HTTP_STRICT_HOST or HTTP_DEFAULT_HOST as well, for all other hosts`,
    ),
    rule(
      [name, switchName],
      set => set[switchName] && isTaken(set[name]) && `must lie outside of ${takenPaths.join(', ')}`,
    ),
  ]
}

/** The paths of one domain of a host; undefined where the endpoint is off. */
interface ServedPaths {
  readonly domain: HttpHost['domain']
  readonly bosh: string | undefined
  readonly warm: string | undefined
}

/** What is wrong with the paths of one domain of a host, seen beside the domains before it. */
function problemsOfHost(host: ServedPaths, before: readonly ServedPaths[]): readonly string[] {
  const paths = [host.bosh, host.warm].filter(path => path !== undefined)
  const called = ({ domain = 'all domains' }: ServedPaths) => domain
  return [
    meet(host.bosh, host.warm) && 'the same path for both endpoints, or one inside the other',
    paths.some(isTaken) && `a path that does not lie outside of ${takenPaths.join(', ')}`,
    paths.some(path => path.includes(hostVariable)) &&
      `no domain that ${hostVariable} in a path could stand for: give it paths of its own`,
    ...before.map(
      other =>
        contradict(other, host) &&
        `the same path for ${called(other)} and ${called(host)}, or one inside the other: write ${hostVariable} in BOSH_PATH, or give each paths of its own`,
    ),
  ].filter(problem => problem !== false)
}

/** Whether a request could be for either of two domains of one host. Both may have the same warm API: calls name theirs. */
function contradict(one: ServedPaths, other: ServedPaths): boolean {
  return (
    meet(one.bosh, other.bosh) ||
    meet(one.bosh, other.warm) ||
    meet(one.warm, other.bosh) ||
    (one.warm !== other.warm && meet(one.warm, other.warm))
  )
}

/** Express and the listener in front of it would disagree about a request to two endpoints. */
function meet(path: string | undefined, other: string | undefined): boolean {
  return path !== undefined && other !== undefined && overlap(path, other)
}

/** Whether one path is, or lies inside, the other. */
function overlap(path: string, other: string): boolean {
  return `${path}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${path}/`)
}

/** Paths that the service has for itself. */
const takenPaths = ['/assets', '/openapi.json', '/.well-known', '/healthz', '/readyz'] as const

const isTaken = (path: string) => takenPaths.some(taken => overlap(path, taken))
