import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { isIP } from 'node:net'
import type { Config, RemoteEndpoint } from '../config/config.js'
import type { Clock } from '../lib/clock.js'
import { allowed, lookupBy } from '../servers/net/allowed-addresses.js'
import type { LocalPorts } from '../servers/net/local-ports.js'
import type { NameLookup } from '../servers/net/name-lookup.js'
import { type TlsRules, tlsContext } from '../servers/net/tls-context.js'
import type { XmlLimits } from '../xmpp/xml/limits.js'
import { useLocalPorts } from './http-connections.js'
import { RemoteFault } from './remote-fault.js'

/** Connections in use are not limited, because each session holds a request. */
const keptOpen = { keepAlive: true, maxFreeSockets: 50, timeout: 300_000 }

export interface AgentParts {
  /** Without a URL, host-meta names the endpoint. */
  readonly about: RemoteEndpoint
  readonly settings: Config['remote']
  readonly tls: TlsRules
  readonly names: Pick<NameLookup, 'addressesOf'>
  readonly clock: Clock
  readonly publicOnly: boolean
  /** Undefined for documents: XMPP_LOCAL_ADDRESSES is for links. */
  readonly ports?: LocalPorts | undefined
}

export interface EndpointParts extends AgentParts {
  readonly xmlLimits: XmlLimits
  /** Of host-meta. */
  readonly port: number
}

/** Throws a `RemoteFault`. */
export function createAgent({ hostname, protocol }: URL, parts: AgentParts, kind: 'lasting' | 'passing') {
  const { about, settings, tls, names, clock, publicOnly, ports } = parts
  // Node does not look up IP addresses, so `lookup` cannot check them.
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  const given = isIP(address) === 0 ? undefined : allowed([address], publicOnly)
  if (given !== undefined && 'code' in given) throw new RemoteFault(given)
  const usesDns = about.url === undefined
  const find = async (host: string) => allowed(await names.addressesOf({ host, usesDns }), publicOnly)
  const lookup = lookupBy(find, failure => new RemoteFault(failure))
  const options = { noDelay: true, lookup, ...(kind === 'lasting' && keptOpen) }
  const agent =
    protocol === 'https:'
      ? new HttpsAgent({ ...options, secureContext: tlsContext(about, tls), rejectUnauthorized: about.verify })
      : new HttpAgent(options)
  if (ports !== undefined) useLocalPorts(agent, { ports, clock, find, connectTimeout: settings.connectTimeout })
  return agent
}
