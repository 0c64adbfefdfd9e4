import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import type { HostEntry } from './hosts.js'
import { hostVariable } from './kinds.js'
import { type Address, placesOf } from './listen-addresses.js'
import type { Networks } from './networks.js'
import type { settings, Values } from './settings.js'
import type { TlsFiles } from './tls-files.js'

export type { Admin, ServiceAccount } from './account-lists.js'
export type { RemoteEndpoint, Server, Trust } from './servers.js'

/** The settings in the form the parts use; frozen. Durations are in seconds. */
export interface Config extends Nested<Own & ReturnType<typeof joinedValues>> {}

/** The values of single settings, by their place. */
type Own = {
  [N in keyof Values as (typeof settings)[N] extends { at: infer Path extends string }
    ? Path
    : never]: Values[N]
}

/** An object of objects, made of values by their places, such as `bosh.maxWait`. */
type Nested<ByPath> = {
  readonly [Path in keyof ByPath as Path extends `${infer Part}.${string}`
    ? Part
    : Path]: Path extends `${infer Part}.${string}`
    ? Nested<{
        [Inner in keyof ByPath as Inner extends `${Part}.${infer Rest}` ? Rest : never]: ByPath[Inner]
      }>
    : ByPath[Path]
}

/** Which addresses may use an endpoint. */
export interface AccessRule {
  readonly allow: Networks
  /** Addresses that may not, although `allow` has them. */
  readonly deny: Networks
}

/** An XMPP domain that is served under a name of HTTP, at addresses of its own; or all of them. */
export interface HttpHost extends HostEntry {
  /** Undefined where the endpoint is off. */
  readonly boshPath: string | undefined
  /** Undefined where the API is off. */
  readonly warmPath: string | undefined
}

/** What is listened for with TLS. */
export interface Https {
  readonly places: ReturnType<typeof placesOf>
  /** The setting that they come from. */
  readonly placesFrom: 'HOST' | 'HTTPS_HOST'
  readonly files: TlsFiles
  /** In the notation of OpenSSL; Node's own where undefined. */
  readonly ciphers: string | undefined
  readonly minVersion: Values['TLS_MIN_VERSION']
}

/** What is made of several settings, by its place in `Config`. */
export function joinedValues(values: Values) {
  const hosts = httpHosts(values)
  const listened = [...values.HOST, ...(values.HTTPS_HOST ?? [])].map(({ host }) => host)
  return {
    'listen.places': placesOf(values.HOST, values.PORT),
    https: httpsOf(values),
    /** By name, lower case and without a port. */
    'http.hosts': hosts,
    /** The hosts that this `Config` is made for; none where it is for all other requests: see `configOfHost`. */
    'http.own': [] as readonly HttpHost[],
    /** What this service is called in the settings: the names of hosts, and the names that are listened on. */
    'http.names': [...hosts.keys(), ...listened.filter(host => isIP(host) === 0)] as readonly string[],
    admins: [...values.ADMIN_USERS, ...values.ADMIN_USERS_FILE] as const,
    /**
     * By XMPP domain, `*` for domains without an entry in this map or the next. The server of a domain that neither map
     * serves is found by its name.
     */
    servers: values.XMPP_SERVERS.servers,
    /** The domains that the BOSH endpoint of another service serves; `*` as above. */
    remotes: values.XMPP_SERVERS.remotes,
    /** By XMPP domain, `*` for domains without an entry. */
    serviceAccounts: new Map([
      ...values.XMPP_SERVICE_ACCOUNTS,
      ...values.XMPP_SERVICE_ACCOUNTS_FILE,
    ]) as Values['XMPP_SERVICE_ACCOUNTS'],
  }
}

/** Where https is served if there are certificates for it and no port is set. */
const usualHttpsPort = 8443

/** The ports for https; none where it is off or not asked for. */
export function httpsPorts(
  values: Pick<Values, 'HTTPS_HOST' | 'HTTPS_PORT' | 'TLS_CERT'>,
): readonly number[] {
  const isWanted = values.HTTPS_HOST !== undefined || values.TLS_CERT.length > 0
  return values.HTTPS_PORT ?? (isWanted ? [usualHttpsPort] : [])
}

/** Where https is served. */
export function httpsPlaces(
  values: Pick<Values, 'HOST' | 'HTTPS_HOST' | 'HTTPS_PORT' | 'TLS_CERT'>,
): Https['places'] {
  // A port behind an address of HOST is for what goes without TLS.
  const usual = values.HOST.map(({ host }): Address => ({ host, port: undefined }))
  return placesOf(values.HTTPS_HOST ?? usual, httpsPorts(values))
}

export function tlsFiles(values: Values): TlsFiles {
  return {
    certificates: values.TLS_CERT,
    chains: values.TLS_CHAIN ?? [],
    keys: values.TLS_KEY ?? [],
    passphrase: values.TLS_KEY_PASSPHRASE,
    passphraseFile: values.TLS_KEY_PASSPHRASE_FILE,
    dhparam: values.TLS_DHPARAM,
  }
}

function httpsOf(values: Values): Https | undefined {
  if (httpsPorts(values).length === 0) return undefined
  return {
    places: httpsPlaces(values),
    placesFrom: values.HTTPS_HOST === undefined ? 'HOST' : 'HTTPS_HOST',
    files: tlsFiles(values),
    ciphers: values.TLS_CIPHERS,
    minVersion: values.TLS_MIN_VERSION,
  }
}

/** The entries of `HTTP_HOSTS` with what they leave out filled in; of paths that are `off` nothing is left. */
export function httpHosts({
  HTTP_HOSTS,
  BOSH_PATH,
  WARM_PATH,
}: Pick<Values, 'HTTP_HOSTS' | 'BOSH_PATH' | 'WARM_PATH'>): ReadonlyMap<string, readonly HttpHost[]> {
  const complete = (entry: HostEntry): HttpHost => {
    // Paths have A-labels: what is not ASCII is escaped in a request's.
    const filled = domainToASCII(entry.domain ?? '') || hostVariable
    const path = (own: string | undefined, usual: string) =>
      own === 'off' ? undefined : (own ?? usual).replaceAll(hostVariable, filled)
    return {
      domain: entry.domain,
      externalUrl: entry.externalUrl,
      boshPath: path(entry.boshPath, BOSH_PATH),
      warmPath: path(entry.warmPath, WARM_PATH),
    }
  }
  return new Map([...HTTP_HOSTS].map(([name, entries]) => [name, entries.map(complete)]))
}
