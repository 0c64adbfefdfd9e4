import type { IncomingMessage } from 'node:http'
import { isIP, type Socket } from 'node:net'
import type { AccessRule, Config } from '../../config/config.js'
import { isWildcard } from '../../config/kinds/listen-addresses.js'
import { isLoopback, withoutMapping } from '../../lib/client-network.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'

/** What is believed of where a request comes from. */
export type ClientRules = Pick<Config, 'assumeSecure' | 'trustedProxies'>

/** Whether a client with this address may use an endpoint. */
export type Access = (address: string) => boolean

/** What an endpoint knows of where its clients come from, and of where they find it over TLS. */
export interface Entrance {
  /** What is believed of where requests come from. */
  readonly clients: ClientRules
  /** Which addresses may use the endpoint; any unless it is given. */
  readonly access?: Access | undefined
  /** Where the client of a request finds the endpoint over TLS, as far as that is known. */
  readonly secureUrl: (req: IncomingMessage) => string | undefined
  /** The address over TLS that a browser without TLS is sent to; undefined where it gets the page. */
  readonly redirectUrl: (req: IncomingMessage) => string | undefined
  /** The text of the page for people who open the path in a browser. */
  readonly getText: string
}

/** Makes a rule of the settings ready to be asked at every request; undefined where every address may call. */
export function accessBy({ allow, deny }: AccessRule): Access | undefined {
  const isForAll = allow.list.some(entry => entry.toLowerCase() === 'any') && deny.list.length === 0
  return isForAll ? undefined : address => allow.contains(address) && !deny.contains(address)
}

/** Stands for an address that is not known: no list of addresses has it, and all clients that have it count as one. */
export const unknownAddress = 'unknown'

/**
 * The address that a request comes from: of those in `X-Forwarded-For`, and the connection's own behind them, the
 * right-most that is no trusted proxy. If all are trusted, it is the right-most in the header, which our proxy has seen itself.
 * Where the connection's is not trusted, the header counts for nothing. `unknownAddress` where a proxy says something else than an address: that did not come from the proxy itself.
 */
export function clientAddress(request: IncomingMessage, rules: ClientRules): string {
  return readForwarded(request, rules, false)
}

/**
 * The same for limits of clients: if all are trusted, it is the left-most, so that clients in a trusted network count for
 * themselves behind several proxies. Not for rules of access: such a client can write there what it likes.
 */
export function countedAddress(request: IncomingMessage, rules: ClientRules): string {
  return readForwarded(request, rules, true)
}

function readForwarded(
  request: IncomingMessage,
  { trustedProxies }: ClientRules,
  isFarthest: boolean,
): string {
  const own = withoutMapping(request.socket.remoteAddress ?? unknownAddress)
  const header = request.headers['x-forwarded-for']
  if (header === undefined || !trustedProxies.contains(own)) return own
  const entries = header.toString()
  let trusted: string | undefined
  for (let end = entries.length; end >= 0; ) {
    // No further than to the first address that is no trusted proxy: that client wrote what stands before it.
    const comma = end === 0 ? -1 : entries.lastIndexOf(',', end - 1)
    const address = readAddress(entries.slice(comma + 1, end))
    if (address === undefined) return unknownAddress
    if (!trustedProxies.contains(address)) return address
    if (isFarthest || trusted === undefined) trusted = address
    end = comma
  }
  return trusted ?? own
}

/** Whether a request came to us, or to a trusted proxy before us, over TLS, or the operator says that all do. */
export function cameSecurely(request: IncomingMessage, rules: ClientRules): boolean {
  return rules.assumeSecure || isEncrypted(request) || forwardedScheme(request, rules) === 'https'
}

/**
 * The same for passwords of the warm API. Where only this machine can come without TLS they are taken from all who do; else
 * from those that come to a loopback address of ours, unless a proxy has passed on what it was asked by others.
 */
export function takesPasswords(rules: ClientRules & { readonly listen: Pick<Config['listen'], 'places'> }) {
  const { places } = rules.listen
  if (places.every(({ host }) => isLoopback(host))) return () => true
  // What listens at every address is reached by loopback as well, and from other machines.
  const openPorts = new Set(places.filter(({ host }) => isWildcard(host)).map(({ port }) => port))
  const isLocal = ({ localAddress = '', localPort = 0 }: Socket) =>
    isLoopback(localAddress) && !openPorts.has(localPort) && !openPorts.has(0)
  return (request: IncomingMessage) =>
    cameSecurely(request, rules) || (isLocal(request.socket) && !isForwarded(request))
}

/**
 * What a trusted proxy says that it was asked over: `http` or `https`, in lower case; undefined where none says so. The
 * proxy nearest to us writes the last of the values, and only it is known to be one of ours.
 */
export function forwardedScheme(request: IncomingMessage, { trustedProxies }: ClientRules) {
  const header = request.headers['x-forwarded-proto']
  if (header === undefined || !trustedProxies.contains(request.socket.remoteAddress ?? '')) return undefined
  const values = header.toString()
  const last = values.slice(values.lastIndexOf(',') + 1)
  return last.trim().toLowerCase()
}

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

/** As long as an IPv6 address in brackets with a port can be, and more. */
const longestEntry = 64

/**
 * An entry of `X-Forwarded-For`: some proxies put brackets around IPv6 addresses or a port behind them. Undefined for
 * anything else, an address with a zone among it: that means something on the proxy's own machine only.
 */
function readAddress(entry: string): string | undefined {
  const text = entry.trim()
  if (text.length > longestEntry) return undefined
  const [, bracketed, plain] = /^\[([^\]]*)\](?::\d+)?$|^([^:]*):\d+$/.exec(text) ?? []
  const address = withoutMapping(bracketed ?? plain ?? text)
  if (isIP(address) === 0 || address.includes('%')) return undefined
  // It is kept for as long as a session lives, and the whole header must not be kept with it.
  return copyOf(address)
}
