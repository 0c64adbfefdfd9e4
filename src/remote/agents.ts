import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { Config, RemoteEndpoint } from '../config/config.js'
import type { Clock } from '../lib/clock.js'
import type { Names } from '../servers/net/names.js'
import { isPrivateAddress } from '../servers/net/private-addresses.js'
import { type TlsRules, tlsContext } from '../servers/net/tls-context.js'
import type { Failure } from '../xmpp/link.js'
import type { XmlLimits } from '../xmpp/xml/limits.js'
import { RemoteFault } from './fault.js'

/**
 * How many unused connections are kept for later, and for how long, in milliseconds. Connections in use have no such limit:
 * each session has one request held nearly all the time, so that the fifty-first would have to wait for another to end.
 */
const keptOpen = { keepAlive: true, maxFreeSockets: 50, timeout: 300_000 }

const unknown: Failure = { step: 'resolve', code: 'host-unknown' }
const notAllowed: Failure = { step: 'connect', code: 'address-not-allowed' }

/** What all endpoints of an entry in the settings have in common. */
export interface EndpointParts {
  /** The entry; without a URL the hosts come from the host-meta of its domains. */
  readonly about: RemoteEndpoint
  readonly settings: Config['remote']
  readonly tls: TlsRules
  readonly names: Pick<Names, 'addressesOf'>
  readonly clock: Clock
  /** How much endpoints may send; the default limits unless given. */
  readonly xmlLimits?: XmlLimits | undefined
  /** Where domains are asked for their host-meta; 443 unless a test has its own. */
  readonly port: number
  /** Whether the hosts must have public addresses. */
  readonly publicOnly: boolean
}

/** Connections to one host: `lasting` ones are shared and kept, `passing` ones not. May throw a `RemoteFault`. */
export function createAgent({ hostname, protocol }: URL, parts: EndpointParts, kind: 'lasting' | 'passing') {
  const { about, tls, publicOnly } = parts
  // An address that stands in the URL is never looked up.
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  if (publicOnly && isIP(address) !== 0 && isPrivateAddress(address)) throw new RemoteFault(notAllowed)
  const options = { noDelay: true, lookup: lookupBy(parts), ...(kind === 'lasting' && keptOpen) }
  if (protocol !== 'https:') return new HttpAgent(options)
  const secureContext = tlsContext(about, tls)
  return new HttpsAgent({ ...options, secureContext, rejectUnauthorized: about.verify })
}

/** Finds hosts as links find theirs; judges addresses as they are dialled: a name may have others the next time. */
function lookupBy({ about, names, publicOnly }: EndpointParts): LookupFunction {
  return async (host, { all = false }, callback) => {
    const found = about.url === undefined
    const told = await names.addressesOf({ host, port: 443, tls: 'direct', found })
    if ('code' in told) return callback(new RemoteFault(told), [])
    const known = told.map(address => ({ address, family: isIP(address) }))
    const allowed = publicOnly ? known.filter(({ address }) => !isPrivateAddress(address)) : known
    const [first] = allowed
    if (first === undefined) callback(new RemoteFault(known.length === 0 ? unknown : notAllowed), [])
    else if (all) callback(null, allowed)
    else callback(null, first.address, first.family)
  }
}
