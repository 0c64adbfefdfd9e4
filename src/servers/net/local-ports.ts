import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP, type Socket } from 'node:net'
import type { Clock } from '../../lib/clock.js'

/** With XMPP_LOCAL_ADDRESSES, links use this share of the system's ports. The rest is for other connections. */
const boundShare = 0.85
/** With 90 % of the ports in use, 64 tries fail for 0.1 % of links. */
const mostTries = 64
/** An address that this machine lacks is not used for this time. */
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
  /** XMPP_LOCAL_ADDRESSES. For an IP version without an address, the system chooses. */
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

/** With XMPP_LOCAL_ADDRESSES, chooses local addresses and ports of links. Links to different servers can share both. */
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

  readonly connect = (host: string, port: number, lastFailed?: Socket, connect = this.#parts.connect): Socket => {
    const own = this.#leastUsed(isIP(host))
    const range = own && this.#range()
    const socket = connect(host, port, {
      ...(own && { localAddress: own.address }),
      ...(range && { localPort: range.first + randomInt(boundPorts(range)) }),
    })
    const tries = lastFailed === undefined ? 1 : this.#attempts.get(lastFailed)!.tries + 1
    this.#attempts.set(socket, { own, key: `${host} ${port}`, tries })
    return socket
  }

  /** `isForeign`: the machine lacks the address. Otherwise, the port was in use. Returns true if a retry may help. */
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

  giveBack({ own, target }: TakenPort): void {
    if (own !== undefined) own.links -= 1
    target.links -= 1
    if (target.links === 0) this.#targets.delete(target.key)
  }

  /** Ports of the target with the highest share of used ports. Linux only. */
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

/** Linux's default, used if a container hides the file. */
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
