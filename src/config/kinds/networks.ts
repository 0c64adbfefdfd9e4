import { BlockList, isIP } from 'node:net'
import { isLoopback, withoutMapping } from '../../lib/client-network.js'
import { entriesOf, type Report } from './kinds.js'

const mostRemembered = 1000

export class Networks {
  readonly #block: BlockList
  readonly #addresses: BlockList
  readonly #remembered = new Map<string, boolean>()

  constructor(
    readonly list: readonly string[],
    block: BlockList,
    addresses = new BlockList(),
  ) {
    this.#block = block
    this.#addresses = addresses
  }

  contains(address: string): boolean {
    const remembered = this.#remembered.get(address)
    if (remembered !== undefined) return remembered
    const unmapped = withoutMapping(address)
    const found = isIP(unmapped) !== 0 && this.#block.check(unmapped, familyOf(unmapped))
    if (this.#remembered.size >= mostRemembered) this.#remembered.clear()
    this.#remembered.set(address, found)
    return found
  }

  /** Ranges other than loopback do not count, because they may include clients. */
  hasProxy(address: string): boolean {
    if (!this.contains(address)) return false
    const unmapped = withoutMapping(address)
    return isLoopback(unmapped) || this.#addresses.check(unmapped, familyOf(unmapped))
  }
}

const named = new Map([
  ['loopback', ['127.0.0.0/8', '::1']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10']],
  ['any', ['0.0.0.0/0', '::/0']],
])

export function readNetworks(text: string, report: Report): Networks {
  const list = text === 'none' ? [] : entriesOf(text)
  const block = new BlockList()
  const addresses = new BlockList()
  for (const entry of list) {
    for (const network of named.get(entry.toLowerCase()) ?? [entry]) {
      const range = rangeOf(network)
      if (range === undefined) report(`has "${network}", which is neither an address nor a range such as 10.0.0.0/8`)
      else for (const into of range.isSingle ? [block, addresses] : [block]) into.addSubnet(...range.subnet)
    }
  }
  return new Networks(list, block, addresses)
}

function rangeOf(network: string) {
  const [, address = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(network.replace(/^\[(.*)\]/, '$1')) ?? []
  const most = isIP(address) === 4 ? 32 : 128
  const prefix = Number(length ?? most)
  if (isIP(address) === 0 || prefix > most) return undefined
  return { subnet: [address, prefix, familyOf(address)] as const, isSingle: prefix === most }
}

const familyOf = (address: string) => (isIP(address) === 4 ? 'ipv4' : 'ipv6')
