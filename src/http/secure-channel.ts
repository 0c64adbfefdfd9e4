import type { IncomingMessage } from 'node:http'
import { isIPv4 } from 'node:net'

/** What decides whether a request came over a channel that nobody can listen to. */
export interface ChannelRules {
  /** The address that the service is bound to. */
  readonly host: string
  readonly assumeSecure: boolean
}

/**
 * Whether passwords may come over the channel of this request: TLS, a service that only its own machine can reach, or
 * the operator's word. Headers such as `X-Forwarded-Proto` are the sender's word and count for nothing.
 */
export function isSecure(request: IncomingMessage, { host, assumeSecure }: ChannelRules): boolean {
  return isEncrypted(request) || assumeSecure || isLoopback(host)
}

/** Whether the connection itself is TLS. */
export function isEncrypted(request: IncomingMessage): boolean {
  return 'encrypted' in request.socket && request.socket.encrypted === true
}

/** Whether an address or host name to listen on means this machine only. */
export function isLoopback(host: string): boolean {
  const address = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '')
  return address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'))
}
