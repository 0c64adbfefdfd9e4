import type { IncomingMessage } from 'node:http'
import { isIP, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Config } from '../config/config.js'
import { isWildcard } from '../config/kinds/listen-addresses.js'
import { type EndpointPath, pathOf, takeoverPath, urlOfDomain } from '../config/serving.js'
import { isLoopback, withoutMapping } from '../lib/client-network.js'
import { cameSecurely, forwardedScheme, isEncrypted, isForwarded } from './access/client-rules.js'

/** Addresses of this machine at the start; none if the system does not tell them, as in a sandbox without AF_NETLINK. */
const machineAddresses = new Set(readInterfaces())

/** What our own address is made of. */
type Addressing = Pick<
  Config,
  'externalUrl' | 'assumeSecure' | 'trustedProxies' | 'listen' | 'https' | 'http'
>

/** The path before our own in the addresses that browsers see: empty, or that of `externalUrl` without its last slash. */
export function homePath(externalUrl: string | undefined): string {
  return externalUrl === undefined ? '' : new URL(externalUrl).pathname.replace(/\/$/, '')
}

/**
 * The addresses of the endpoints for the browsers of a domain's users: with the domain's own host or the URL of the settings,
 * or else at the host that was asked if that is known to be ours, or else a path alone, as where there is no request. What a
 * client makes up in `Host` is in none of them.
 */
export function endpointUrls(
  config: Addressing & Pick<Config, EndpointPath>,
  domain: string,
  request: IncomingMessage | undefined,
): EndpointUrls {
  let base: string | undefined
  const urlOf = (endpoint: EndpointPath) => {
    const ofDomain = urlOfDomain(config, domain, endpoint)
    if (ofDomain !== undefined) return ofDomain
    base ??= config.externalUrl ?? (request && ownOrigin(config, request)) ?? ''
    return base + pathOf(config, domain, endpoint)
  }
  return { bosh: urlOf('boshPath'), websocket: urlOf('websocketPath').replace(/^http/, 'ws') + takeoverPath }
}

/** Addresses for browsers. */
export interface EndpointUrls {
  readonly bosh: string
  /** Where a page takes its session over. */
  readonly websocket: string
}

/** The public base URL of the settings, if it is over TLS. */
export function publicSecureBase({ externalUrl }: Pick<Config, 'externalUrl'>): string | undefined {
  return externalUrl?.startsWith('https:') ? externalUrl : undefined
}

/**
 * The URL before our own paths under which the client finds this service over TLS: that of the settings,
 * or at the same host, if that is known to be ours, to which it came over TLS or where we listen for it. Undefined where
 * none of these is known.
 */
export function secureBase(config: Addressing, request: IncomingMessage): string | undefined {
  if (config.externalUrl !== undefined) return publicSecureBase(config)
  if (cameSecurely(request, config)) return ownOrigin(config, request)
  const here = asked('https', request)
  if (here === undefined) return undefined
  const isNamed = config.http.names.includes(here.hostname)
  // Only tests let the system choose a port, and that is not known here.
  const place = config.https?.places.find(
    ({ host, port }) => port !== 0 && (isNamed || leadsTo(here.hostname, host, request)),
  )
  if (place === undefined) return undefined
  here.port = String(place.port)
  return here.origin
}

/**
 * The same, for a request that is to be sent there. Undefined where a proxy has passed it on that is not believed or does
 * not say what it was asked over: that may have been TLS, and the client would be redirected in a circle.
 */
export function redirectBase(config: Addressing, request: IncomingMessage): string | undefined {
  if (isForwarded(request) && forwardedScheme(request, config) !== 'http') return undefined
  return secureBase(config, request)
}

/** Scheme, host and port that a request asks for, if they are where we listen or what the settings call us. */
function ownOrigin(config: Addressing, request: IncomingMessage): string | undefined {
  const scheme = cameSecurely(request, config) ? 'https' : 'http'
  const url = asked(scheme, request)
  if (url === undefined) return undefined
  const { hostname } = url
  const usualPort = scheme === 'https' ? 443 : 80
  const port = url.port === '' ? usualPort : Number(url.port)
  const { localPort } = request.socket
  const places = (scheme === 'https' ? config.https?.places : config.listen.places) ?? []
  // A port that the system has chosen is known from the connection.
  const atPort = places.filter(place => port === (place.port === 0 ? localPort : place.port))
  // In front of a name there may be a proxy, at the port that goes without saying.
  const isNamed = config.http.names.includes(hostname) && (port === usualPort || atPort.length > 0)
  const isOurs =
    isNamed || atPort.some(({ host }) => leadsTo(hostname, host, request)) || isWhereItCame(url, request)
  return isOurs ? url.origin : undefined
}

/** Whether a URL has the very address that the connection was made to. */
function isWhereItCame({ protocol, host }: URL, request: IncomingMessage): boolean {
  const own = new URL(`${isEncrypted(request) ? 'https' : 'http'}://${localHost(request)}`)
  return own.protocol === protocol && own.host === host
}

/** Whether a host, as a URL writes it, leads to what listens at an address of the settings. */
function leadsTo(hostname: string, host: string, { socket }: IncomingMessage): boolean {
  if (hostname === 'localhost') return isLoopback(host) || isWildcard(host)
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(address) === 0) return false
  if (host === 'localhost') return isLoopback(address)
  if (host === '0.0.0.0' && isIPv6(address)) return false
  if (!isWildcard(host)) return hostname === asHostname(host)
  // An address that the machine got after the start is known from the connections that are made to it.
  return machineAddresses.has(address) || address === withoutMapping(socket.localAddress ?? '')
}

function readInterfaces(): string[] {
  try {
    return Object.values(networkInterfaces()).flatMap(list => list?.map(({ address }) => address) ?? [])
  } catch {
    return []
  }
}

/** An address as a URL writes it, which has one spelling for each. */
function asHostname(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname : address
}

/** The host that a request asks for, as a URL; undefined where that is no host and port, as no client writes it. */
function asked(scheme: 'http' | 'https', request: IncomingMessage): URL | undefined {
  const text = `${scheme}://${request.headers.host ?? localHost(request)}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.href === `${url?.origin}/` ? url : undefined
}

/** Where a request without a `Host` has come to. */
function localHost({ socket }: IncomingMessage): string {
  const address = withoutMapping(socket.localAddress ?? '')
  return `${address.includes(':') ? `[${address}]` : address}:${socket.localPort}`
}
