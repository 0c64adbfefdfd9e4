import type { IncomingMessage } from 'node:http'
import type { Config } from '../config/config.js'
import { cameSecurely, forwardedScheme, withoutMapping } from './client.js'

/** What our own address is made of. */
type Addressing = Pick<Config, 'externalUrl' | 'assumeSecure' | 'trustedProxies' | 'https'>

/** The path before our own in the addresses that browsers see: empty, or that of `externalUrl` without its last slash. */
export function homePath(externalUrl: string | undefined): string {
  return externalUrl === undefined ? '' : new URL(externalUrl).pathname.replace(/\/$/, '')
}

/** The BOSH endpoint's address for browsers; without `externalUrl` it is taken from the request's own. */
export function boshUrl(
  config: Omit<Addressing, 'https'> & Pick<Config, 'boshPath'>,
  request: IncomingMessage,
): string {
  if (config.externalUrl !== undefined) return config.externalUrl + config.boshPath
  const scheme = cameSecurely(request, config) ? 'https' : 'http'
  const { origin } = asked(scheme, request) ?? new URL(`${scheme}://${localHost(request)}`)
  return origin + config.boshPath
}

/**
 * The URL before our own paths under which whoever sends this request finds this service over TLS: that of the settings,
 * or at the same host, to which it came over TLS or where we listen for it. Undefined where none of these is known.
 */
export function secureBase(config: Addressing, request: IncomingMessage): string | undefined {
  if (config.externalUrl !== undefined)
    return config.externalUrl.startsWith('https:') ? config.externalUrl : undefined
  const here = asked('https', request)
  if (here === undefined) return undefined
  if (cameSecurely(request, config)) return here.origin
  const port = config.https?.ports[0]
  // What the system has chosen is not known from the settings; nobody but a test has it choose.
  if (port === undefined || port === 0) return undefined
  here.port = String(port)
  return here.origin
}

/**
 * The same, for a request that is to be sent there. Undefined where a proxy has passed it on that is not believed or does
 * not say what it was asked over: that may have been TLS, and whoever is sent there would come back here for ever.
 */
export function redirectBase(config: Addressing, request: IncomingMessage): string | undefined {
  const isForwarded = ['x-forwarded-for', 'x-forwarded-proto', 'forwarded', 'via'].some(
    name => request.headers[name] !== undefined,
  )
  if (isForwarded && forwardedScheme(request, config) !== 'http') return undefined
  return secureBase(config, request)
}

/** The host that a request asks for, as a URL; undefined where that is no host and port, as no client writes it. */
function asked(scheme: 'http' | 'https', request: IncomingMessage): URL | undefined {
  try {
    const url = new URL(`${scheme}://${request.headers.host ?? localHost(request)}`)
    return url.href === `${url.origin}/` ? url : undefined
  } catch {
    return undefined
  }
}

/** Where a request without a `Host` has come to. */
function localHost({ socket }: IncomingMessage): string {
  const address = withoutMapping(socket.localAddress ?? '')
  return `${address.includes(':') ? `[${address}]` : address}:${socket.localPort}`
}
