import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { RemoteEndpoint } from '../config/config.js'
import type { Failure } from '../link.js'
import type { Names } from '../net/names.js'
import { isPrivateAddress } from '../net/private-addresses.js'
import { type TlsRules, tlsContext } from '../net/tls-context.js'
import { RemoteFault } from './fault.js'

/**
 * How many unused connections are kept for later, and for how long, in milliseconds. Connections in use have no such limit:
 * each session has one request held nearly all the time, so that the fifty-first would have to wait for another to end.
 */
const keptOpen = { keepAlive: true, maxFreeSockets: 50, timeout: 300_000 }

const unknown: Failure = { step: 'resolve', code: 'host-unknown' }
const notAllowed: Failure = { step: 'connect', code: 'address-not-allowed' }

export interface AgentParts {
  /** The entry in the settings. */
  readonly about: RemoteEndpoint
  readonly tls: TlsRules
  readonly names: Pick<Names, 'addressesOf'>
  /** Whether the hosts come from a domain's host-meta, and not from the operator. */
  readonly found: boolean
  /** Whether the hosts must have public addresses. */
  readonly publicOnly: boolean
}

/**
 * The connections to one host. `lasting` ones are shared and kept open, a `passing` one serves a single request.
 * Throws a `RemoteFault` where this service may not connect to the host.
 */
export function createAgent({ hostname, protocol }: URL, parts: AgentParts, kind: 'lasting' | 'passing') {
  const { about, tls, publicOnly } = parts
  // An address that stands in the URL is never looked up.
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  if (publicOnly && isIP(address) !== 0 && isPrivateAddress(address)) throw new RemoteFault(notAllowed)
  const options = { noDelay: true, lookup: lookupBy(parts), ...(kind === 'lasting' && keptOpen) }
  if (protocol !== 'https:') return new HttpAgent(options)
  const secureContext = tlsContext(about, tls)
  return new HttpsAgent({ ...options, secureContext, rejectUnauthorized: about.verify })
}

/**
 * Finds hosts as links to XMPP servers find theirs. The addresses are judged when they are dialled, because a name may
 * resolve to others the next time.
 */
function lookupBy({ names, found, publicOnly }: AgentParts): LookupFunction {
  return async (host, { all = false }, callback) => {
    const told = await names.addressesOf({ host, port: 443, tls: 'direct', found })
    const known = 'code' in told ? [] : told.map(address => ({ address, family: isIP(address) }))
    const allowed = known.filter(({ address }) => !publicOnly || !isPrivateAddress(address))
    const [first] = allowed
    if ('code' in told) callback(new RemoteFault(told), [])
    else if (first === undefined) callback(new RemoteFault(known.length === 0 ? unknown : notAllowed), [])
    else if (all) callback(null, allowed)
    else callback(null, first.address, first.family)
  }
}
