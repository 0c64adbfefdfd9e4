import type { IncomingMessage } from 'node:http'
import { isIPv4 } from 'node:net'

/** Whether the connection itself is TLS. */
export function isEncrypted(request: IncomingMessage): boolean {
  return 'encrypted' in request.socket && request.socket.encrypted === true
}

/** Whether a proxy says that it has passed a request on. */
export function isForwarded({ headers }: IncomingMessage): boolean {
  return forwardingHeaders.some(name => headers[name] !== undefined)
}

const forwardingHeaders = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-real-ip',
  'forwarded',
  'via',
]

/** Whether an address or host name to listen on means this machine only. */
export function isLoopback(host: string): boolean {
  const address = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '')
  return address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'))
}
