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
