import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import type { HostEntry } from './kinds/hosts.js'
import { hostVariable } from './kinds/kinds.js'
import { type Address, type Place, placesOf } from './kinds/listen-addresses.js'
import { natsOf } from './nats-settings.js'
import type { settings, Values } from './settings.js'
import { tlsFiles } from './tls-files.js'

export type { Admin, ServiceAccount } from './kinds/account-lists.js'
export type { RemoteEndpoint, Server, Trust } from './kinds/servers.js'
export type { NatsSettings } from './nats-settings.js'

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

/** Which addresses may use an endpoint: those of `allow`, but for those of `deny`. */
export type AccessRule = Config['access']['bosh']

/** An XMPP domain that is served under a name of HTTP, at addresses of its own; or all of them. What is off has no path. */
export type HttpHost = HostEntry

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
    events: eventReceiver(values),
    nats: natsOf(values),
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
export function httpsPorts(values: Values): readonly number[] {
  const isWanted = values.HTTPS_HOST !== undefined || values.TLS_CERT.length > 0
  return values.HTTPS_PORT ?? (isWanted ? [usualHttpsPort] : [])
}

/** Where https is served. */
export function httpsPlaces(values: Values): readonly Place[] {
  // A port behind an address of HOST is for what goes without TLS.
  const usual = values.HOST.map(({ host }): Address => ({ host, port: undefined }))
  return placesOf(values.HTTPS_HOST ?? usual, httpsPorts(values))
}

/** What is listened for with TLS. */
function httpsOf(values: Values) {
  if (httpsPorts(values).length === 0) return undefined
  return {
    places: httpsPlaces(values),
    /** The setting that they come from. */
    placesFrom: values.HTTPS_HOST === undefined ? 'HOST' : 'HTTPS_HOST',
    files: tlsFiles(values),
    /** In the notation of OpenSSL; Node's own where undefined. */
    ciphers: values.TLS_CIPHERS,
    minVersion: values.TLS_MIN_VERSION,
  } as const
}

/** Where events go, and the key that signs them; undefined where none are sent. */
function eventReceiver({ EVENTS_URL: url, EVENTS_SECRET, EVENTS_SECRET_FILE }: Values) {
  const key = EVENTS_SECRET ?? EVENTS_SECRET_FILE
  return url === undefined || key === undefined ? undefined : { url, key }
}

/** The entries of `HTTP_HOSTS` with what they leave out filled in; of paths that are `off` nothing is left. */
export function httpHosts(values: Values): ReadonlyMap<string, readonly HttpHost[]> {
  const complete = (entry: HostEntry): HttpHost => {
    // Paths have A-labels: what is not ASCII is escaped in a request's.
    const filled = domainToASCII(entry.domain ?? '') || hostVariable
    const path = (own: string | undefined, usual: string) =>
      own === 'off' ? undefined : (own ?? usual).replaceAll(hostVariable, filled)
    return {
      ...entry,
      boshPath: path(entry.boshPath, values.BOSH_PATH),
      warmPath: path(entry.warmPath, values.WARM_PATH),
      websocketPath: path(entry.websocketPath, values.WEBSOCKET_PATH),
    }
  }
  return new Map([...values.HTTP_HOSTS].map(([name, entries]) => [name, entries.map(complete)]))
}
