import type { IncomingMessage } from 'node:http'
import { isIP, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Config } from '../../config/config.js'
import { isLocal, isWildcard } from '../../config/kinds/listen-addresses.js'
import type { Networks } from '../../config/kinds/networks.js'
import { isLoopback, withoutMapping } from '../../lib/client-network.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { isTrustedProxy, peerOf, unixSocketPeer } from './socket-peers.js'

export type ClientRules = Pick<Config, 'assumeSecure' | 'trustedProxies'>

/** A request, or its connection if no request could be read. */
export type Received = Pick<IncomingMessage, 'socket' | 'headers'>

export type Access = (address: string) => boolean

export interface PublicEndpoint {
  readonly clients: ClientRules
  readonly access?: Access | undefined
  readonly secureUrl: (req: IncomingMessage) => string | undefined
  readonly redirectUrl: (req: IncomingMessage) => string | undefined
  readonly page: (req: IncomingMessage, isSecure: boolean) => { readonly type: string; readonly text: string }
}

export function accessBy(allowed: Networks): Access | undefined {
  return allowed.list.join().toLowerCase() === 'any' ? undefined : address => allowed.contains(address)
}

const unknownAddress = 'unknown'
/** Proxies in a row. Without a limit, a client behind trusted addresses could send thousands. */
const mostEntries = 32

/** The right-most address in `X-Forwarded-For` that is not a trusted proxy. */
export function clientAddress(request: Received, rules: ClientRules): string {
  return readForwarded(request, rules, false)
}

/** For limits only: if all addresses are trusted proxies, returns the left-most, which clients can forge. */
export function countedAddress(request: IncomingMessage, rules: ClientRules): string {
  return readForwarded(request, rules, true)
}

function readForwarded(request: Received, rules: ClientRules, isFarthest: boolean): string {
  const { trustedProxies } = rules
  const own = withoutMapping(request.socket.remoteAddress ?? unknownAddress)
  const header = request.headers['x-forwarded-for']
  if (header === undefined || !isTrustedProxy(request.socket, rules)) return own
  const entries = header.toString()
  let trusted: string | undefined
  let end = entries.length
  for (let count = 0; end >= 0 && count < mostEntries; count++) {
    // Read from the right, because clients can forge entries on the left.
    const comma = end === 0 ? -1 : entries.lastIndexOf(',', end - 1)
    const address = readAddress(entries.slice(comma + 1, end))
    if (address === undefined) return unknownAddress
    if (!trustedProxies.contains(address)) return address
    if (isFarthest || trusted === undefined) trusted = address
    end = comma
  }
  return trusted ?? own
}

export function countsAsEncrypted(request: IncomingMessage, rules: ClientRules): boolean {
  return rules.assumeSecure || isEncrypted(request) || forwardedScheme(request, rules) === 'https'
}

/**
 * The returned function accepts requests over TLS, and over loopback or a Unix socket without a proxy. It accepts all
 * requests if no other machine can connect.
 */
export function takesPasswords(rules: ClientRules & { readonly listen: Pick<Config['listen'], 'places'> }) {
  const { places } = rules.listen
  if (places.every(isLocal)) return () => true
  // A port of a wildcard address is open to other machines, so the port never counts as loopback.
  const openPorts = new Set(places.filter(({ host }) => isWildcard(host)).map(({ port }) => port))
  const isAtLoopback = ({ localAddress = '', localPort = 0 }: Socket) =>
    isLoopback(localAddress) && !openPorts.has(localPort) && !openPorts.has(0)
  const isLocalCall = ({ socket }: IncomingMessage) => peerOf(socket) === unixSocketPeer || isAtLoopback(socket)
  return (request: IncomingMessage) =>
    countsAsEncrypted(request, rules) || (isLocalCall(request) && !isForwarded(request))
}

/** The last value, which a trusted proxy has written. Traefik writes `ws` and `wss` for WebSockets. */
export function forwardedScheme(request: IncomingMessage, rules: ClientRules) {
  const header = request.headers['x-forwarded-proto']
  if (header === undefined || !isTrustedProxy(request.socket, rules)) return undefined
  const values = header.toString()
  const last = values.slice(values.lastIndexOf(',') + 1)
  return last.trim().toLowerCase().replace(/^ws/, 'http')
}

export function isEncrypted(request: IncomingMessage): boolean {
  return 'encrypted' in request.socket && request.socket.encrypted === true
}

/** For a forwarded request, the process that received it has checked the certificate. */
export function hasCertificate({ socket }: IncomingMessage): boolean {
  if ('hasCertificate' in socket) return socket.hasCertificate === true
  // For Node, resumed TLS 1.3 sessions are authorized even without a certificate.
  return socket instanceof TLSSocket && socket.authorized && socket.getPeerX509Certificate() !== undefined
}

export function isForwarded({ headers, socket }: IncomingMessage): boolean {
  return peerOf(socket)?.isForwarded === true || forwardingHeaders.some(name => headers[name] !== undefined)
}

const forwardingHeaders = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'forwarded', 'via']

const longestEntry = 64

function readAddress(entry: string): string | undefined {
  const text = entry.trim()
  if (text.length > longestEntry) return undefined
  const [, bracketed, bare] = /^\[([^\]]*)\](?::\d+)?$|^([^:]*):\d+$/.exec(text) ?? []
  const address = withoutMapping(bracketed ?? bare ?? text)
  // An IPv6 zone (`%`) has a meaning only on the proxy's machine.
  if (isIP(address) === 0 || address.includes('%')) return undefined
  return copyOf(address)
}
