import { isIP, type LookupFunction } from 'node:net'
import type { Failure } from '../link.js'
import type { Names } from '../net/names.js'
import { isPrivateAddress } from '../net/private-addresses.js'
import { RemoteFault } from './fault.js'

/** How the hosts of endpoints are found. */
export interface LookupParts {
  readonly names: Pick<Names, 'addressesOf'>
  /** Whether the host comes from a domain's host-meta, and not from the operator. */
  readonly found: boolean
  /** Whether the host must have a public address. */
  readonly publicOnly: boolean
}

/** Why this service does not connect to a host, as a socket's error. */
export class LookupError extends Error {
  override readonly name = 'LookupError'
  readonly code: string

  constructor(readonly failure: Failure) {
    super(failure.code, failure.cause === undefined ? undefined : { cause: failure.cause })
    this.code = failure.code
  }
}

const notAllowed: Failure = { step: 'connect', code: 'address-not-allowed' }

/**
 * Finds hosts as links to XMPP servers find theirs. The addresses are judged when they are dialled, because a name may
 * resolve to others the next time.
 */
export function createLookup({ names, found, publicOnly }: LookupParts): LookupFunction {
  return (host, { all = false }, callback) => {
    void findAll(host).then(addresses => {
      if ('code' in addresses) callback(new LookupError(addresses), [])
      else if (all) callback(null, addresses.map(withFamily))
      else callback(null, addresses[0]!, isIP(addresses[0]!))
    })
  }

  async function findAll(host: string): Promise<readonly string[] | Failure> {
    const addresses = await names.addressesOf({ host, port: 443, tls: 'direct', found })
    if ('code' in addresses) return addresses
    if (addresses.length === 0) return { step: 'resolve', code: 'host-unknown' }
    const allowed = addresses.filter(address => !publicOnly || !isPrivateAddress(address))
    return allowed.length === 0 ? notAllowed : allowed
  }
}

/** Judges an address that stands in the URL, which is never looked up. Throws a `RemoteFault` where it is not allowed. */
export function demandAllowed({ hostname }: URL, { publicOnly }: LookupParts): void {
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  if (publicOnly && isIP(address) !== 0 && isPrivateAddress(address)) throw new RemoteFault(notAllowed)
}

function withFamily(address: string) {
  return { address, family: isIP(address) }
}
