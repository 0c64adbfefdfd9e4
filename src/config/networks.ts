import { BlockList, isIP } from 'node:net'
import { withoutMapping } from '../lib/client-network.js'
import { entriesOf, type Report } from './kinds.js'

/** Answers that are remembered at most. */
const mostRemembered = 1000

/** Addresses and ranges of addresses, of both families. */
export class Networks {
  readonly #block: BlockList
  /** Every request asks about the same few proxies, and a BlockList takes its time. */
  readonly #remembered = new Map<string, boolean>()

  /** `list` is as they were written. */
  constructor(
    readonly list: readonly string[],
    block: BlockList,
  ) {
    this.#block = block
  }

  /** Whether an address, as a socket or a header has it, is in one of them. */
  contains(address: string): boolean {
    const remembered = this.#remembered.get(address)
    if (remembered !== undefined) return remembered
    const found = this.#find(address)
    if (this.#remembered.size >= mostRemembered) this.#remembered.clear()
    this.#remembered.set(address, found)
    return found
  }

  #find(address: string): boolean {
    const plain = withoutMapping(address)
    const family = isIP(plain)
    return family !== 0 && this.#block.check(plain, family === 4 ? 'ipv4' : 'ipv6')
  }
}

/** Ranges that have a name. */
const named: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10'],
  any: ['0.0.0.0/0', '::/0'],
}

/** Addresses, ranges such as `10.0.0.0/8`, and the words `loopback`, `private`, `any`, separated by commas; or `none`. */
export function readNetworks(text: string, report: Report): Networks {
  const list = text === 'none' ? [] : entriesOf(text)
  const block = new BlockList()
  for (const entry of list) {
    for (const network of named[entry.toLowerCase()] ?? [entry]) {
      if (!add(block, network))
        report(`has "${network}", which is neither an address nor a range such as 10.0.0.0/8`)
    }
  }
  return new Networks(list, block)
}

function add(block: BlockList, network: string): boolean {
  const [address = '', length, ...rest] = network.replace(/^\[(.*)\]/, '$1').split('/')
  const family = isIP(address)
  const most = family === 4 ? 32 : 128
  if (family === 0 || rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return false
  const prefix = length === undefined ? most : Number(length)
  if (prefix > most) return false
  block.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
  return true
}
