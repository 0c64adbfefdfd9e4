import { memoryUsage } from 'node:process'
import type { Config } from '../../config/config.js'
import type { Descriptors } from '../../lib/limits/descriptors.js'
import { memoryLimits } from '../../lib/limits/memory.js'
import type { WaitingMemory } from '../../lib/limits/waiting-memory.js'

/** In bytes: `memory`, `heap`, `waiting`, `unread`. */
export const resources = ['sessions', 'connections', 'memory', 'heap', 'descriptors', 'waiting', 'unread'] as const

export type Resource = (typeof resources)[number]

/** `most` is null without a limit. */
export interface Use {
  readonly used: number
  readonly most: number | null
}

export type Capacity = Readonly<Record<Resource, Use>>

interface CapacityParts {
  readonly config: Pick<Config, 'workers' | 'limits' | 'listen'>
  readonly registry: { readonly size: number }
  readonly descriptors: Pick<Descriptors, 'taken' | 'most'>
  readonly waiting: Pick<WaitingMemory, 'bytes' | 'most'>
  readonly connections: () => number
  readonly unreadBytes: () => number
}

export function createCapacity(parts: CapacityParts): () => Capacity {
  const { config, registry, descriptors, waiting, connections, unreadBytes } = parts
  const { limits, listen, workers } = config
  return () => {
    const most = memoryLimits(limits.megabytes, workers)
    const { rss, heapUsed } = memoryUsage()
    return {
      sessions: use(registry.size, limits.sessions),
      connections: use(connections(), listen.maxConnections),
      memory: use(rss, most.resident),
      heap: use(heapUsed, most.heap),
      descriptors: use(descriptors.taken, descriptors.most),
      waiting: use(waiting.bytes, waiting.most),
      unread: use(unreadBytes(), limits.unreadMegabytes * 2 ** 20),
    }
  }
}

export function sumOfCapacities(capacities: readonly Capacity[]): Capacity {
  const sums = resources.map(resource => [resource, sumOf(capacities.map(capacity => capacity[resource]))])
  return Object.fromEntries(sums) as Record<Resource, Use>
}

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
