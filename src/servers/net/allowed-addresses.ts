import { isIP, type LookupFunction } from 'node:net'
import type { Failure } from '../../xmpp/link.js'
import type { Addresses } from './name-lookup.js'
import { isPrivateAddress } from './private-addresses.js'

/** Call this before each connection, because DNS answers change. */
export function allowed(found: Addresses | Failure, publicOnly: boolean): Addresses | Failure {
  if ('code' in found) return found
  if (found.length === 0) return { step: 'resolve', code: 'host-unknown' }
  const usable = publicOnly ? found.filter(address => !isPrivateAddress(address)) : found
  return usable.length === 0 ? { step: 'connect', code: 'address-not-allowed' } : usable
}

/** The option `lookup` of sockets. `find` must return only allowed addresses. */
export function lookupBy(
  find: (host: string) => Promise<Addresses | Failure>,
  errorOf: (failure: Failure) => Error,
): LookupFunction {
  return async (host, { all = false }, callback) => {
    const found = await find(host)
    if ('code' in found) return callback(errorOf(found), [])
    const addresses = found.map(address => ({ address, family: isIP(address) }))
    if (all) callback(null, addresses)
    else callback(null, addresses[0]!.address, addresses[0]!.family)
  }
}
