import type { Listening } from './http/listening.js'
import type { Clock } from './lib/clock.js'
import type { Nodes } from './nodes/nodes.js'
import type { Registry } from './session/registry.js'

/** How long the processes of a service have to tell each other that they are drained, in milliseconds: all of them may be. */
const settlingMilliseconds = 1_000
/** How often it is looked at whether all is over, in milliseconds. */
const lookMilliseconds = 100

export interface DrainingParts {
  /** How long it may take, in seconds. */
  readonly seconds: number
  readonly registry: Pick<Registry, 'size'>
  readonly listening: Pick<Listening, 'retire' | 'connections'>
  /** The other processes of the service; undefined where there are none. */
  readonly nodes: Pick<Nodes, 'others' | 'onChange' | 'drain'> | undefined
  readonly clock: Clock
  /** Whether the service is being stopped in the meantime. */
  readonly isStopping: () => boolean
}

/**
 * Waits until the sessions of a service have ended that takes no new ones, or the time is over. As soon as another process
 * takes new sessions, connections are left to it: this one then carries on with what the others carry to it.
 */
export function drained(parts: DrainingParts): Promise<void> {
  const { registry, listening, nodes, clock, isStopping } = parts
  const begun = clock.now()
  const passed = () => clock.now() - begun
  let isRetired = false
  const leaveToOthers = () => {
    if (isRetired || passed() < settlingMilliseconds) return
    if (nodes?.others.every(({ isDraining }) => isDraining) !== false) return
    isRetired = true
    listening.retire()
  }
  const isOver = () => {
    if (isStopping() || passed() >= parts.seconds * 1000) return true
    if (registry.size > 0) return false
    // Clients with open connections find the way to another process with their next requests.
    return (
      nodes === undefined || (passed() >= settlingMilliseconds && (!isRetired || listening.connections === 0))
    )
  }
  nodes?.drain()
  nodes?.onChange(leaveToOthers)
  return new Promise(resolve => {
    const look = () => {
      leaveToOthers()
      if (isOver()) resolve()
      else clock.after(lookMilliseconds, look)
    }
    look()
  })
}
