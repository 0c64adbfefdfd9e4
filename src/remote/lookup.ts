import { isIP, type LookupFunction } from 'node:net'
import type { Failure } from '../link.js'
import type { Names } from '../net/names.js'
import { isPrivateAddress } from '../net/private-addresses.js'
import { RemoteFault } from './fault.js'

/** How the hosts of endpoints are found. */
export interface LookupParts {
  readonly names: Pick<Names, 'addressesOf'>
  /** Whether the operator did not name them: another domain did. */
  readonly found: boolean
  /** Whether they may be on the Internet only. */
  readonly publicOnly: boolean
}

/** Why a host is not to be connected to, as the error of a socket. */
export class LookupError extends Error {
  override readonly name = 'LookupError'
  readonly code: string

  constructor(readonly failure: Failure) {
    super(failure.code, failure.cause === undefined ? undefined : { cause: failure.cause })
    this.code = failure.code
  }
}

const notAllowed: Failure = { step: 'connect', code: 'address-not-allowed' }

/** Finds hosts where links to XMPP servers find theirs, and judges what is dialled: a name may change its mind. */
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

/** No host is looked up whose address stands in the URL. Throws a `RemoteFault` where it is none to connect to. */
export function demandAllowed({ hostname }: URL, { publicOnly }: LookupParts): void {
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  if (publicOnly && isIP(address) !== 0 && isPrivateAddress(address)) throw new RemoteFault(notAllowed)
}

function withFamily(address: string) {
  return { address, family: isIP(address) }
}
