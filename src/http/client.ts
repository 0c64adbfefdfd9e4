import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Config } from '../config/config.js'
import type { Networks } from '../config/networks.js'
import { isEncrypted, isLoopback } from './secure-channel.js'

/** What is believed of where a request comes from. */
export interface ClientRules {
  /** Whether requests count as encrypted whatever they came over. */
  readonly assumeSecure: boolean
  /** Whose forwarding headers are believed. */
  readonly trustedProxies: Networks
}

/**
 * The address that a request comes from: the right-most of those in `X-Forwarded-For`, and the connection's own behind
 * them, that is no trusted proxy. Where the connection is not one of theirs the header is anybody's word and counts for
 * nothing; where all of them are, it is the connection's.
 */
export function clientAddress(request: IncomingMessage, { trustedProxies }: ClientRules): string {
  const own = withoutMapping(request.socket.remoteAddress ?? '')
  const header = request.headers['x-forwarded-for']
  if (header === undefined || !trustedProxies.contains(own)) return own
  const entries = header.toString().split(',')
  for (let at = entries.length - 1; at >= 0; at--) {
    const address = readAddress(entries[at]!)
    // What stands left of something that is no address was written by somebody unknown.
    if (address === undefined) return own
    if (!trustedProxies.contains(address)) return address
  }
  return own
}

/** Whether a request came to us, or to a trusted proxy before us, over TLS, or the operator says that all do. */
export function cameSecurely(request: IncomingMessage, rules: ClientRules): boolean {
  return rules.assumeSecure || isEncrypted(request) || forwardedScheme(request, rules) === 'https'
}

/** The same for passwords of the warm API, which a service that only its own machine can reach takes as well. */
export function takesPasswords(
  rules: ClientRules & { readonly listen: Pick<Config['listen'], 'hosts'> },
): (request: IncomingMessage) => boolean {
  if (rules.listen.hosts.every(isLoopback)) return () => true
  return request => cameSecurely(request, rules)
}

/**
 * What a trusted proxy says that it was asked over: `http` or `https`, in lower case; undefined where none says so. The
 * proxy nearest to us writes the last of the values, and only it is known to be one of ours.
 */
export function forwardedScheme(
  request: IncomingMessage,
  { trustedProxies }: ClientRules,
): string | undefined {
  const header = request.headers['x-forwarded-proto']
  if (header === undefined || !trustedProxies.contains(request.socket.remoteAddress ?? '')) return undefined
  return header.toString().split(',').at(-1)!.trim().toLowerCase()
}

/** An entry of `X-Forwarded-For`: some proxies put brackets around IPv6 addresses or a port behind them. */
function readAddress(entry: string): string | undefined {
  const text = entry.trim()
  const [, bracketed, plain] = /^\[([^\]]*)\](?::\d+)?$|^([^:]*):\d+$/.exec(text) ?? []
  const address = withoutMapping(bracketed ?? plain ?? text)
  return isIP(address) === 0 ? undefined : address
}

/** An IPv4 address that was written as an IPv6 one, as sockets do that listen for both. */
export function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}
