import { type Networks, readNetworks } from '../../config/kinds/networks.js'

/** The addresses that hosts on the Internet have at all; the last two carry an IPv4 address in their end. */
const worldwide = networks('0.0.0.0/0', '2000::/3', '::ffff:0:0/96', '64:ff9b::/96')

/** Of these, the ones with another meaning than one host anywhere: IANA's special-purpose registries (RFC 6890). */
const specialIPv4 = [
  // This host, private networks, shared address space of providers, loopback, link-local.
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  // Protocol assignments, documentation, relays for IPv6, private networks, benchmarks, documentation.
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  // Documentation, multicast, reserved, broadcast.
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
]
const special = networks(
  // A BlockList applies these to `::ffff:…`, too.
  ...specialIPv4,
  ...specialIPv4.map(throughNat64),
  // Protocol assignments with tunnels and benchmarks, documentation, tunnels to any IPv4 address, documentation.
  ...['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
)

/** Whether an address, in any notation, is anything else than plainly that of one host on the Internet. */
export function isPrivateAddress(address: string): boolean {
  return !worldwide.contains(address) || special.contains(address)
}

/** The same hosts as they are called behind a translator from IPv6 (RFC 6052 §2.1). */
function throughNat64(subnet: string): string {
  const [address = '', bits = ''] = subnet.split('/')
  return `64:ff9b::${address}/${96 + Number(bits)}`
}

function networks(...list: readonly string[]): Networks {
  return readNetworks(list.join(), problem => {
    throw new Error(problem)
  })
}
