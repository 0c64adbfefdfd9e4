import type { IncomingMessage } from 'node:http'
import { isIP, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Config } from '../config/config.js'
import { isWildcard, written } from '../config/kinds/listen-addresses.js'
import { attachPath, type EndpointPath, pathOf, urlOfDomain } from '../config/serving.js'
import { attempt } from '../lib/attempt.js'
import { isLoopback, withoutMapping } from '../lib/client-network.js'
import { withoutBrackets } from '../lib/text/without-brackets.js'
import { countsAsEncrypted, forwardedScheme, isEncrypted, isForwarded } from './access/client-rules.js'

/** Empty in a sandbox without AF_NETLINK. */
const interfaces = Object.values(attempt(networkInterfaces) ?? {})
const machineAddresses = new Set(interfaces.flatMap(list => list?.map(({ address }) => address) ?? []))

export type Addressing = Pick<Config, 'externalUrl' | 'assumeSecure' | 'trustedProxies' | 'listen' | 'https' | 'http'>

export function homePath(externalUrl: string | undefined): string {
  return externalUrl === undefined ? '' : new URL(externalUrl).pathname.replace(/\/$/, '')
}

/** Uses `Host` only if it is a name or an address of this service, because clients can forge it. */
export function endpointUrls(
  config: Addressing & Pick<Config, EndpointPath>,
  domain: string,
  request: IncomingMessage | undefined,
) {
  let base: string | undefined
  const urlOf = (endpoint: EndpointPath) => {
    const ofDomain = urlOfDomain(config, domain, endpoint)
    if (ofDomain !== undefined) return ofDomain
    base ??= config.externalUrl ?? (request && ownOrigin(config, request)) ?? ''
    return base + pathOf(config, domain, endpoint)
  }
  return { bosh: urlOf('boshPath'), websocket: urlOf('websocketPath').replace(/^http/, 'ws') + attachPath }
}

export type EndpointUrls = ReturnType<typeof endpointUrls>

export function publicSecureBase({ externalUrl }: Pick<Config, 'externalUrl'>): string | undefined {
  return externalUrl?.startsWith('https:') ? externalUrl : undefined
}

export function secureBase(config: Addressing, request: IncomingMessage): string | undefined {
  if (config.externalUrl !== undefined) return publicSecureBase(config)
  if (countsAsEncrypted(request, config)) return ownOrigin(config, request)
  const here = asked('https', request)
  if (here === undefined) return undefined
  const isNamed = config.http.names.includes(here.hostname)
  // The port that 0 selects is not known here.
  const place = config.https?.places.find(
    ({ host, port }) => port !== 0 && (isNamed || leadsTo(here.hostname, host, request)),
  )
  if (place === undefined) return undefined
  here.port = String(place.port)
  return here.origin
}

/** Undefined if a proxy does not say `http`: the client may use TLS already, and would be redirected in a loop. */
export function redirectBase(config: Addressing, request: IncomingMessage): string | undefined {
  if (isForwarded(request) && forwardedScheme(request, config) !== 'http') return undefined
  return secureBase(config, request)
}

function ownOrigin(config: Addressing, request: IncomingMessage): string | undefined {
  const scheme = countsAsEncrypted(request, config) ? 'https' : 'http'
  const url = asked(scheme, request)
  if (url === undefined) return undefined
  const { hostname } = url
  const usualPort = scheme === 'https' ? 443 : 80
  const port = url.port === '' ? usualPort : Number(url.port)
  const { localPort } = request.socket
  const places = (scheme === 'https' ? config.https?.places : config.listen.places) ?? []
  const atPort = places.filter(place => port === (place.port === 0 ? localPort : place.port))
  // A proxy may serve this name at the usual port.
  const isNamed = config.http.names.includes(hostname) && (port === usualPort || atPort.length > 0)
  const isOurs = isNamed || atPort.some(({ host }) => leadsTo(hostname, host, request)) || isAddressOf(url, request)
  return isOurs ? url.origin : undefined
}

function isAddressOf({ protocol, host }: URL, request: IncomingMessage): boolean {
  if (request.socket.localPort === undefined) return false
  const own = new URL(`${isEncrypted(request) ? 'https' : 'http'}://${localHost(request)}`)
  return own.protocol === protocol && own.host === host
}

function leadsTo(hostname: string, host: string, { socket }: IncomingMessage): boolean {
  if (hostname === 'localhost') return isLoopback(host) || isWildcard(host)
  const address = withoutBrackets(hostname)
  if (isIP(address) === 0) return false
  if (host === 'localhost') return isLoopback(address)
  if (host === '0.0.0.0' && isIPv6(address)) return false
  if (!isWildcard(host)) return hostname === asHostname(host)
  // The machine may get addresses after the start.
  return machineAddresses.has(address) || address === withoutMapping(socket.localAddress ?? '')
}

function asHostname(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname : address
}

function asked(scheme: 'http' | 'https', request: IncomingMessage): URL | undefined {
  const text = `${scheme}://${request.headers.host ?? localHost(request)}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.href === `${url?.origin}/` ? url : undefined
}

function localHost({ socket }: IncomingMessage): string {
  return written({ host: withoutMapping(socket.localAddress ?? ''), port: socket.localPort! })
}
