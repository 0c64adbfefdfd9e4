import type { ClientRequestArgs, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { written } from '../config/kinds/listen-addresses.js'
import type { HttpProxy } from '../config/kinds/proxies.js'
import type { Clock } from '../lib/clock.js'
import { connectToAny } from '../servers/net/connect-to-any.js'
import type { Addresses } from '../servers/net/name-lookup.js'
import type { Failure } from '../xmpp/link.js'
import { openTunnel, proxyFailure } from './tunnel.js'

type Find = (host: string) => Promise<Addresses | Failure>

export interface ConnectionsParts {
  readonly clock: Clock
  readonly proxy: HttpProxy | undefined
  readonly findProxy: Find
  /** Returns only allowed addresses. Undefined if the proxy looks up names. */
  readonly find: Find | undefined
  readonly errorOf: (failure: Failure) => Error
  /** In seconds, without TLS. */
  readonly connectTimeout: number
}

type Options = ClientRequestArgs & { readonly host: string; readonly port: number }
type Callback = (error: Error | null, socket?: Duplex) => void

/** Connects as links to XMPP servers do, or through `proxy`. */
export function useConnections(agent: HttpAgent, parts: ConnectionsParts): void {
  const encrypt = agent instanceof HttpsAgent ? createConnectionOf(agent) : undefined
  const createConnection = (options: Options, callback: Callback) => {
    void connectTo(options.host, Number(options.port), parts).then(end => {
      if ('code' in end) callback(parts.errorOf(end))
      else callback(null, encrypt === undefined ? end : encrypt({ ...options, socket: end }))
    })
  }
  Object.assign(agent, { createConnection })
}

async function connectTo(host: string, port: number, parts: ConnectionsParts): Promise<Socket | Failure> {
  const { clock, proxy, find, connectTimeout } = parts
  const until = clock.now() + connectTimeout * 1000
  const addresses = find === undefined || isIP(host) !== 0 ? [host] : await find(host)
  if ('code' in addresses) return addresses
  if (proxy === undefined) return dial(addresses, port, until, parts)
  let end: Socket | Failure = { step: 'connect', code: 'timeout' }
  for (const address of addresses) {
    end = await connectThrough(proxy, written({ host: address, port }), until, parts)
    if (!('code' in end)) return end
  }
  return end
}

async function connectThrough(
  proxy: HttpProxy,
  authority: string,
  until: number,
  parts: ConnectionsParts,
): Promise<Socket | Failure> {
  const found = isIP(proxy.host) === 0 ? await parts.findProxy(proxy.host) : [proxy.host]
  const end = 'code' in found ? found : await dial(found, proxy.port, until, parts)
  return 'code' in end ? proxyFailure(end) : openTunnel(end, proxy, authority, parts.clock, until)
}

function dial(
  addresses: Addresses,
  port: number,
  until: number,
  { clock }: ConnectionsParts,
): Promise<Socket | Failure> {
  return new Promise(resolve => {
    connectToAny(addresses, port, { clock, until, connect }, resolve)
  })
}

/** With the option `socket`, Node's `createConnection` starts TLS over that socket. */
function createConnectionOf(agent: HttpsAgent): (options: object) => Duplex {
  const { createConnection } = agent as unknown as { createConnection(options: object): Duplex }
  return options => createConnection.call(agent, options)
}
