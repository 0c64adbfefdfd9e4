import { BlockList, isIP } from 'node:net'
import { isLoopback, withoutMapping } from '../../lib/client-network.js'
import { entriesOf, type Report } from './kinds.js'

const mostRemembered = 1000

export class Networks {
  readonly #included = new BlockList()
  readonly #excluded = new BlockList()
  readonly #addresses = new BlockList()
  readonly #remembered = new Map<string, boolean>()

  constructor(readonly list: readonly string[]) {}

  /** Returns false if `network` is neither an address nor a range. */
  add(network: string, isExcluded: boolean): boolean {
    const range = rangeOf(network)
    if (range === undefined) return false
    const lists = isExcluded ? [this.#excluded] : [this.#included, ...(range.isSingle ? [this.#addresses] : [])]
    for (const list of lists) list.addSubnet(...range.subnet)
    return true
  }

  contains(address: string): boolean {
    const remembered = this.#remembered.get(address)
    if (remembered !== undefined) return remembered
    const unmapped = withoutMapping(address)
    const isIn = (list: BlockList) => isIP(unmapped) !== 0 && list.check(unmapped, familyOf(unmapped))
    const found = isIn(this.#included) && !isIn(this.#excluded)
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

/** `!` excludes an entry. */
export function readNetworks(text: string, report: Report): Networks {
  const list = text === 'none' ? [] : entriesOf(text)
  const networks = new Networks(list)
  for (const entry of list) {
    const isExcluded = entry.startsWith('!')
    const name = entry.slice(isExcluded ? 1 : 0)
    for (const network of named.get(name.toLowerCase()) ?? [name])
      if (!networks.add(network, isExcluded))
        report(`has "${network}", which is neither an address nor a range such as 10.0.0.0/8`)
  }
  if (list.length > 0 && list.every(entry => entry.startsWith('!')))
    report('only excludes addresses: also name the others, as in any,!203.0.113.7')
  return networks
}

function rangeOf(network: string) {
  const [, address = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(network.replace(/^\[(.*)\]/, '$1')) ?? []
  const most = isIP(address) === 4 ? 32 : 128
  const prefix = Number(length ?? most)
  if (isIP(address) === 0 || prefix > most) return undefined
  return { subnet: [address, prefix, familyOf(address)] as const, isSingle: prefix === most }
}

const familyOf = (address: string) => (isIP(address) === 4 ? 'ipv4' : 'ipv6')
