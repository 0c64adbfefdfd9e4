// All HTTP requests of the service to others use these agents.

import { type AgentOptions, type ClientRequest, type ClientRequestArgs, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent, type AgentOptions as TlsOptions } from 'node:https'
import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Config } from '../../config/config.js'
import { written } from '../../config/kinds/listen-addresses.js'
import { readNetworks } from '../../config/kinds/networks.js'
import type { Exclusion, HttpProxy } from '../../config/kinds/proxies.js'
import type { Clock } from '../../lib/clock.js'
import { withoutBrackets } from '../../lib/text/without-brackets.js'
import type { Failure } from '../../xmpp/link.js'
import { allowed } from './allowed-addresses.js'
import { connectToAny } from './connect-to-any.js'
import type { Addresses, NameLookup } from './name-lookup.js'
import { handshake } from './tls-context.js'
import { openTunnel, proxyFailure } from './tunnel.js'

/** In answer to one request (RFC 9110 §15.2). */
const mostInterim = 10

export interface Outgoing {
  readonly proxies: Config['proxies']
  readonly names: Pick<NameLookup, 'addressesOf'>
  readonly clock: Clock
}

export interface AgentParts extends Outgoing {
  /** In seconds, without TLS. */
  readonly connectTimeout: number
  readonly errorOf: (failure: Failure) => Error
  /** Through a proxy too, names are then looked up here, and the proxy gets an address. */
  readonly publicOnly?: boolean
  readonly usesDns?: boolean
  readonly options?: AgentOptions
  readonly tls?: Pick<TlsOptions, 'secureContext' | 'rejectUnauthorized'>
}

type Options = ClientRequestArgs & { readonly host: string; readonly port: number }
type Callback = (error: Error | null, socket?: Duplex) => void

/** Connects as links to XMPP servers do, or through a proxy. Throws an error of `errorOf` for an address not allowed. */
export function createAgent(url: URL, parts: AgentParts): HttpAgent {
  const { proxies, names, clock, connectTimeout, errorOf, publicOnly = false, usesDns = false, options, tls } = parts
  const proxy = proxyFor(url, proxies)

  async function connectTo(host: string, port: number): Promise<Socket | Failure> {
    const until = clock.now() + connectTimeout * 1000
    const addresses = proxy !== undefined && !publicOnly ? [host] : await find(host, usesDns, publicOnly)
    if ('code' in addresses) return addresses
    if (proxy === undefined) return connectToAny(addresses, port, { clock, until, connect }).end
    let end: Socket | Failure = { step: 'connect', code: 'timeout' }
    for (const address of addresses) {
      const found = await find(proxy.host, false, false)
      end = 'code' in found ? found : await connectToAny(found, proxy.port, { clock, until, connect }).end
      if ('code' in end) end = proxyFailure(end)
      else end = await openTunnel(end, proxy, written({ host: address, port }), clock, until)
      if (!('code' in end)) return end
    }
    return end
  }

  async function find(host: string, usesDns: boolean, publicOnly: boolean): Promise<Addresses | Failure> {
    return allowed(isIP(host) === 0 ? await names.addressesOf({ host, usesDns }) : [host], publicOnly)
  }

  const address = withoutBrackets(url.hostname)
  const given = isIP(address) === 0 ? undefined : allowed([address], publicOnly)
  if (given !== undefined && 'code' in given) throw errorOf(given)
  const agent =
    url.protocol === 'https:' ? new HttpsAgent({ ...options, ...handshake, ...tls }) : new HttpAgent(options)
  // With the option `socket`, Node's `createConnection` starts TLS over that socket.
  const { createConnection: encrypt } = agent as unknown as { createConnection(options: object): Duplex }
  const createConnection = (options: Options, callback: Callback) => {
    void connectTo(options.host, Number(options.port)).then(end => {
      if ('code' in end) callback(errorOf(end))
      else callback(null, agent instanceof HttpsAgent ? encrypt.call(agent, { ...options, socket: end }) : end)
    }, callback)
  }
  return Object.assign(agent, { createConnection })
}

const loopback = readNetworks('loopback', () => undefined)

/** Returns undefined for a direct connection. Compares names only: the name of an excluded address is not looked up. */
export function proxyFor(
  { protocol, hostname, port }: URL,
  { http, https, excluded }: Outgoing['proxies'],
): HttpProxy | undefined {
  const isTls = protocol === 'https:'
  const host = withoutBrackets(hostname).replace(/\.$/, '')
  const isHere = host === 'localhost' || host.endsWith('.localhost') || loopback.contains(host)
  if (isHere || excluded.some(exclusion => isExcluded(exclusion, host, Number(port) || (isTls ? 443 : 80))))
    return undefined
  return isTls ? https : http
}

function isExcluded({ hosts, port }: Exclusion, host: string, requested: number): boolean {
  if (port !== undefined && port !== requested) return false
  if (typeof hosts !== 'string') return hosts.contains(host)
  return hosts === '*' || host === hosts || (isIP(host) === 0 && host.endsWith(`.${hosts}`))
}

/** Calls `fail` if the server sends interim responses without end. */
export function limitInterim(request: ClientRequest, fail: () => void): void {
  let interim = 0
  request.on('information', () => ++interim > mostInterim && fail())
}
