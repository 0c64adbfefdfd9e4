import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP, type Socket } from 'node:net'
import type { Clock } from '../../lib/clock.js'

/** Part of the system's ports for bound links. Linux gives a bound port to no other outgoing connection. */
const boundShare = 0.85
/** A random port may be in use. At 90 % in use, 0.1 % of links find none. */
const mostTries = 64
/** An unusable address is avoided for this time. */
const restMilliseconds = 10_000

export interface Source {
  readonly localAddress?: string
  readonly localPort?: number
}

export interface PortRange {
  readonly first: number
  readonly count: number
}

export interface LocalPortsParts {
  /** XMPP_LOCAL_ADDRESSES. For a family without an address, the system chooses. */
  readonly addresses: readonly string[]
  readonly clock: Pick<Clock, 'now'>
  readonly connect: (host: string, port: number, source: Source) => Socket
  readonly range?: () => PortRange | undefined
}

interface LocalAddress {
  readonly address: string
  links: number
  foreignAt: number
}

/** Links of a process to one address. */
interface Target {
  readonly key: string
  readonly family: number
  links: number
}

interface Attempt {
  readonly own: LocalAddress | undefined
  readonly key: string
  readonly tries: number
}

export interface TakenPort {
  readonly own: LocalAddress | undefined
  readonly target: Target
}

/** A local address has each port once for each server address. */
export class LocalPorts {
  readonly #parts: LocalPortsParts
  readonly #range: () => PortRange | undefined
  readonly #own: readonly LocalAddress[]
  readonly #targets = new Map<string, Target>()
  readonly #attempts = new WeakMap<Socket, Attempt>()

  constructor(parts: LocalPortsParts) {
    this.#parts = parts
    this.#range = parts.range ?? rangeOfSystem
    this.#own = parts.addresses.map(address => ({ address, links: 0, foreignAt: Number.NEGATIVE_INFINITY }))
  }

  /** `before`: the attempt that `failed`. */
  readonly connect = (host: string, port: number, before?: Socket, connect = this.#parts.connect): Socket => {
    const own = this.#leastUsed(isIP(host))
    const range = own && this.#range()
    const socket = connect(host, port, {
      ...(own && { localAddress: own.address }),
      ...(range && { localPort: range.first + randomInt(boundPorts(range)) }),
    })
    const tries = before === undefined ? 1 : this.#attempts.get(before)!.tries + 1
    this.#attempts.set(socket, { own, key: `${host} ${port}`, tries })
    return socket
  }

  /** No local port or address was available. True if another can be tried. */
  failed(socket: Socket, isForeign: boolean): boolean {
    const { own, tries } = this.#attempts.get(socket) ?? { own: undefined, tries: 0 }
    if (own === undefined || tries >= mostTries) return false
    if (!isForeign) return true
    own.foreignAt = this.#parts.clock.now()
    return this.#own.some(other => isIP(other.address) === isIP(own.address) && !this.#isForeign(other))
  }

  take(socket: Socket): TakenPort | undefined {
    const attempt = this.#attempts.get(socket)
    if (attempt === undefined) return undefined
    const { own, key } = attempt
    this.#attempts.delete(socket)
    const target = this.#targets.get(key) ?? { key, family: isIP(key.split(' ', 1)[0]!), links: 0 }
    this.#targets.set(key, target)
    target.links += 1
    if (own !== undefined) own.links += 1
    return { own, target }
  }

  release({ own, target }: TakenPort): void {
    if (own !== undefined) own.links -= 1
    target.links -= 1
    if (target.links === 0) this.#targets.delete(target.key)
  }

  /** Ports for the server with the fewest free ports. Undefined except on Linux. */
  get busiest(): { readonly used: number; readonly available: number } | undefined {
    const range = this.#range()
    if (range === undefined) return undefined
    const free = (family: number) => this.#ofFamily(family).length * boundPorts(range) || range.count
    const all = [...this.#targets.values()].map(({ links, family }) => ({ used: links, available: free(family) }))
    const none = { used: 0, available: Math.max(free(4), free(6)) }
    return all.reduce((most, next) => (next.used * most.available > most.used * next.available ? next : most), none)
  }

  #ofFamily(family: number): LocalAddress[] {
    return this.#own.filter(({ address }) => isIP(address) === family)
  }

  #leastUsed(family: number): LocalAddress | undefined {
    const own = this.#ofFamily(family)
    const usable = own.filter(address => !this.#isForeign(address))
    const [first, ...others] = usable.length > 0 ? usable : own
    return others.reduce((least, address) => (address.links < least!.links ? address : least), first)
  }

  #isForeign({ foreignAt }: LocalAddress): boolean {
    return this.#parts.clock.now() - foreignAt < restMilliseconds
  }
}

const boundPorts = ({ count }: PortRange) => Math.max(1, Math.floor(count * boundShare))

/** Linux's default. A container or unit may hide the file. */
const rangeOfLinux: PortRange = { first: 32_768, count: 28_232 }

function rangeOfSystem(): PortRange | undefined {
  try {
    const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    const [first = 0, last = 0] = text.trim().split(/\s+/).map(Number)
    return { first, count: last - first + 1 }
  } catch {
    return process.platform === 'linux' ? rangeOfLinux : undefined
  }
}
