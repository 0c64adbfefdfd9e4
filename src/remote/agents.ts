import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { Config, RemoteEndpoint } from '../config/config.js'
import type { Clock } from '../lib/clock.js'
import type { LocalPorts } from '../servers/net/local-ports.js'
import type { Names } from '../servers/net/names.js'
import { isPrivateAddress } from '../servers/net/private-addresses.js'
import { type TlsRules, tlsContext } from '../servers/net/tls-context.js'
import type { Failure } from '../xmpp/link.js'
import type { XmlLimits } from '../xmpp/xml/limits.js'
import { connectOver } from './connections.js'
import { RemoteFault } from './fault.js'

/** Connections in use have no limit, because each session holds a request. */
const keptOpen = { keepAlive: true, maxFreeSockets: 50, timeout: 300_000 }

const unknown: Failure = { step: 'resolve', code: 'host-unknown' }
const notAllowed: Failure = { step: 'connect', code: 'address-not-allowed' }

export interface EndpointParts {
  /** Without a URL, host-meta names the endpoint. */
  readonly about: RemoteEndpoint
  readonly settings: Config['remote']
  readonly tls: TlsRules
  readonly names: Pick<Names, 'addressesOf'>
  readonly clock: Clock
  readonly xmlLimits?: XmlLimits | undefined
  readonly port: number
  readonly publicOnly: boolean
  readonly ports?: LocalPorts | undefined
}

/** `lasting`: connections are kept open. Throws a `RemoteFault`. */
export function createAgent({ hostname, protocol }: URL, parts: EndpointParts, kind: 'lasting' | 'passing') {
  const { about, tls, publicOnly } = parts
  // Node does not look up IP addresses, so `lookup` cannot check them.
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  if (publicOnly && isIP(address) !== 0 && isPrivateAddress(address)) throw new RemoteFault(notAllowed)
  const lookup = lookupBy(parts)
  const options = { noDelay: true, lookup, ...(kind === 'lasting' && keptOpen) }
  const agent =
    protocol === 'https:'
      ? new HttpsAgent({ ...options, secureContext: tlsContext(about, tls), rejectUnauthorized: about.verify })
      : new HttpAgent(options)
  const { ports, clock, settings } = parts
  const idle = kind === 'lasting' ? keptOpen.timeout : undefined
  if (ports !== undefined) connectOver(agent, { ports, clock, lookup, connectTimeout: settings.connectTimeout, idle })
  return agent
}

/** Checks each connection: a name may resolve differently next time. */
function lookupBy({ about, names, publicOnly }: EndpointParts): LookupFunction {
  return async (host, { all = false }, callback) => {
    const found = about.url === undefined
    const result = await names.addressesOf({ host, port: 443, tls: 'direct', found })
    if ('code' in result) return callback(new RemoteFault(result), [])
    const known = result.map(address => ({ address, family: isIP(address) }))
    const allowed = publicOnly ? known.filter(({ address }) => !isPrivateAddress(address)) : known
    const [first] = allowed
    if (first === undefined) callback(new RemoteFault(known.length === 0 ? unknown : notAllowed), [])
    else if (all) callback(null, allowed)
    else callback(null, first.address, first.family)
  }
}
