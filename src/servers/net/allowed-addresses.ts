import { networkInterfaces } from 'node:os'
import { type Networks, readNetworks } from '../../config/kinds/networks.js'
import { attempt } from '../../lib/attempt.js'
import type { Failure } from '../../xmpp/link.js'
import type { Addresses } from './name-lookup.js'

/** Call this before each connection, because DNS answers and addresses of this machine change. */
export function allowed(
  found: Addresses | Failure,
  publicOnly: boolean,
  interfaces: typeof networkInterfaces = networkInterfaces,
): Addresses | Failure {
  if ('code' in found) return found
  if (found.length === 0) return { step: 'resolve', code: 'host-unknown' }
  const own = publicOnly ? addressesOf(attempt(interfaces) ?? {}) : undefined
  const usable = own ? found.filter(address => !isPrivateAddress(address) && !own.contains(address)) : found
  return usable.length === 0 ? { step: 'connect', code: 'address-not-allowed' } : usable
}

/** The last two ranges embed IPv4 addresses. */
const worldwide = networks('0.0.0.0/0', '2000::/3', '::ffff:0:0/96', '64:ff9b::/96')

/** IANA's special-purpose registries (RFC 6890). */
const specialIPv4 = [
  // This host, private, shared (CGNAT), loopback, link-local, private.
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  // Protocol assignments, documentation, 6to4 relays, private, benchmarks.
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  // Documentation, multicast, reserved, broadcast.
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
]
const special = networks(
  // IPv4 ranges also match `::ffff:…`.
  ...specialIPv4,
  ...specialIPv4.map(throughNat64),
  // Teredo and benchmarks, documentation, 6to4, documentation.
  ...['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
)

/** True for private, special and unassigned addresses. */
export function isPrivateAddress(address: string): boolean {
  return !worldwide.contains(address) || special.contains(address)
}

/** Of no interface in a sandbox without AF_NETLINK. */
function addressesOf(interfaces: ReturnType<typeof networkInterfaces>): Networks {
  const all = Object.values(interfaces).flatMap((each = []) => each)
  return networks(
    ...all.flatMap(({ address, family }) => (family === 'IPv4' ? [address, throughNat64(`${address}/32`)] : address)),
  )
}

/** RFC 6052 §2.1. */
function throughNat64(subnet: string): string {
  const [address = '', bits = ''] = subnet.split('/')
  return `64:ff9b::${address}/${96 + Number(bits)}`
}

function networks(...list: readonly string[]): Networks {
  return readNetworks(list.join(), problem => {
    throw new Error(problem)
  })
}
