import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import type { HostEntry } from './kinds/hosts.js'
import { hostVariable } from './kinds/kinds.js'
import { isSocket, type Place, placesOf } from './kinds/listen-addresses.js'
import { peersOf, redisOf } from './redis-settings.js'
import type { settings, Values } from './settings.js'

export type { Admin, AdminRole, ServiceAccount } from './kinds/account-lists.js'
export type { HostEntry } from './kinds/hosts.js'
export type { LoginKey } from './kinds/login-keys.js'
export type { RemoteEndpoint, Server, Trust } from './kinds/servers.js'

/** All settings. Durations are in seconds. */
export interface Config extends Nested<Own & ReturnType<typeof joinedValues>> {}

type Own = {
  [N in keyof Values as (typeof settings)[N] extends { at: infer Path extends string } ? Path : never]: Values[N]
}

type Nested<ByPath> = {
  readonly [Path in keyof ByPath as Path extends `${infer Part}.${string}`
    ? Part
    : Path]: Path extends `${infer Part}.${string}`
    ? Nested<{
        [Inner in keyof ByPath as Inner extends `${Part}.${infer Rest}` ? Rest : never]: ByPath[Inner]
      }>
    : ByPath[Path]
}

export function joinedValues(values: Values) {
  const hosts = httpHosts(values)
  const listened = [...values.HOST, ...(values.HTTPS_HOST ?? [])]
  return {
    'listen.places': placesOf(values.HOST, values.PORT),
    https: httpsOf(values),
    'http.hosts': hosts,
    /** Empty until `configOfHost` selects hosts. */
    'http.own': [] as readonly HostEntry[],
    'http.names': [
      ...hosts.keys(),
      ...listened.map(({ host }) => host).filter(host => isIP(host) === 0 && !isSocket({ host })),
    ] as readonly string[],
    admins: [...values.ADMIN_USERS, ...values.ADMIN_USERS_FILE] as const,
    'limits.heldRequests': 2 * values.MAX_SESSIONS,
    'rates.sessionBurst': 5 * values.RATE_SESSION_BYTES,
    'warm.stepTimeout': (2 / 3) * values.WARM_TIMEOUT,
    'warm.enabled': values.WARM_ENABLED === true,
    'warm.hasPages': values.WARM_ENABLED !== false,
    /** In `servers` and `remotes`, `*` is for all other domains. Without `*`, DNS is asked. */
    servers: values.XMPP_SERVERS.servers,
    remotes: values.XMPP_SERVERS.remotes,
    events: eventReceiver(values),
    redis: redisOf(values),
    peers: peersOf(values),
    state: sealedState(values),
    serviceAccounts: new Map([
      ...values.XMPP_SERVICE_ACCOUNTS,
      ...values.XMPP_SERVICE_ACCOUNTS_FILE,
    ]) as Values['XMPP_SERVICE_ACCOUNTS'],
  }
}

const usualHttpsPort = 8443

export function httpsPorts(values: Values): readonly number[] {
  const isWanted = values.HTTPS_HOST !== undefined || values.TLS_CERT.length > 0
  return values.HTTPS_PORT ?? (isWanted ? [usualHttpsPort] : [])
}

export function httpsPlaces(values: Values): readonly Place[] {
  // The ports and sockets in HOST are for http only.
  const usual = values.HOST.filter(address => !isSocket(address)).map(({ host }) => ({ host, port: undefined }))
  return placesOf(values.HTTPS_HOST ?? usual, httpsPorts(values))
}

function httpsOf(values: Values) {
  if (httpsPorts(values).length === 0) return undefined
  return {
    places: httpsPlaces(values),
    placesFrom: values.HTTPS_HOST === undefined ? 'HOST' : 'HTTPS_HOST',
    files: tlsFiles(values),
    ciphers: values.TLS_CIPHERS,
    minVersion: `TLSv${values.TLS_MIN_VERSION}`,
    clientAuth: values.TLS_CLIENT_AUTH,
  } as const
}

export function tlsFiles(values: Values) {
  return {
    certificates: values.TLS_CERT,
    chains: values.TLS_CHAIN ?? [],
    keys: values.TLS_KEY ?? [],
    passphraseFile: values.TLS_KEY_PASSPHRASE_FILE,
    dhparam: values.TLS_DHPARAM,
    clientCa: values.TLS_CLIENT_CA,
  }
}

function eventReceiver({ EVENTS_URL: url, EVENTS_SECRET, EVENTS_SECRET_FILE }: Values) {
  const key = EVENTS_SECRET ?? EVENTS_SECRET_FILE
  return url === undefined || key === undefined ? undefined : { url, key }
}

function sealedState({ STATE_DIR: folder, SEAL_KEY_FILE: keys }: Values) {
  return folder === undefined || keys === undefined ? undefined : { folder, keys }
}

/** Fills in the defaults. An endpoint without a path is off. */
export function httpHosts(values: Values): ReadonlyMap<string, readonly HostEntry[]> {
  const complete = (entry: HostEntry): HostEntry => {
    // Paths of requests contain A-labels.
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
