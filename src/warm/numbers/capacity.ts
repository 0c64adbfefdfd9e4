import { memoryUsage } from 'node:process'
import type { Config } from '../../config/config.js'
import type { Descriptors } from '../../lib/limits/descriptors.js'
import { memoryLimits } from '../../lib/limits/memory.js'
import type { WaitingMemory } from '../../lib/limits/waiting-memory.js'

/**
 * In bytes: `memory`, `heap`, `waiting`, `unread`. `ports` is for the server address with the highest share of used
 * ports.
 */
export const resources = [
  'sessions',
  'connections',
  'memory',
  'heap',
  'descriptors',
  'ports',
  'waiting',
  'unread',
] as const

export type Resource = (typeof resources)[number]

/** `most` is null without a limit. */
export interface Use {
  readonly used: number
  readonly most: number | null
}

export type Capacity = Readonly<Record<Resource, Use>>

interface CapacityParts {
  readonly config: Pick<Config, 'workers'> & {
    readonly limits: Pick<Config['limits'], 'sessions' | 'megabytes' | 'unreadMegabytes'>
    readonly listen: Pick<Config['listen'], 'maxConnections'>
  }
  readonly registry: { readonly size: number }
  readonly descriptors: Pick<Descriptors, 'taken' | 'most'>
  readonly waiting: Pick<WaitingMemory, 'bytes' | 'most'>
  /** Undefined except on Linux. */
  readonly ports: () => { readonly used: number; readonly available: number } | undefined
  readonly connections: () => number
  readonly unreadBytes: () => number
}

export function createCapacity(parts: CapacityParts): () => Capacity {
  const { config, registry, descriptors, waiting, ports, connections, unreadBytes } = parts
  const { limits, listen, workers } = config
  return () => {
    const most = memoryLimits(limits.megabytes, workers)
    const { rss, heapUsed } = memoryUsage()
    const { used, available } = ports() ?? { used: 0, available: 0 }
    return {
      sessions: use(registry.size, limits.sessions),
      connections: use(connections(), listen.maxConnections),
      memory: use(rss, most.resident),
      heap: use(heapUsed, most.heap),
      descriptors: use(descriptors.taken, descriptors.most),
      ports: use(used, available),
      waiting: use(waiting.bytes, waiting.most),
      unread: use(unreadBytes(), limits.unreadMegabytes * 2 ** 20),
    }
  }
}

interface PlacedCapacity {
  readonly place: string | undefined
  readonly capacity: Capacity
}

export function sumOfCapacities(placed: readonly PlacedCapacity[]): Capacity {
  const sums = resources.map(resource => [resource, sumOf(placed.map(({ capacity }) => capacity[resource]))])
  const hosts = new Set(placed.map(hostOf))
  // Processes of a host share its ports, so `most` of a host counts once.
  const ports = [...hosts].map(host => {
    const uses = placed.filter(process => hostOf(process) === host).map(({ capacity }) => capacity.ports)
    return { used: sumOf(uses).used, most: Math.max(...uses.map(({ most }) => most ?? 0)) || null }
  })
  const share = ({ used, most }: Use) => used / (most ?? Number.POSITIVE_INFINITY)
  const [busiest] = ports.sort((a, b) => share(b) - share(a))
  return { ...(Object.fromEntries(sums) as Record<Resource, Use>), ...(busiest && { ports: busiest }) }
}

/** `web1, worker 2` is a process of web1. */
const hostOf = ({ place }: PlacedCapacity) => place?.split(',', 1)[0]

function sumOf(uses: readonly Use[]): Use {
  const isLimited = uses.every(({ most }) => most !== null)
  return {
    used: uses.reduce((all, { used }) => all + used, 0),
    most: isLimited ? uses.reduce((all, { most }) => all + most!, 0) : null,
  }
}

function use(used: number, most: number): Use {
  return { used, most: most === 0 || most === Number.POSITIVE_INFINITY ? null : most }
}
