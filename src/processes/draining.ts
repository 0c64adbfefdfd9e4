import type { Clock } from '../lib/clock.js'
import type { Nodes } from './nodes.js'

/** How long the processes of a service have to tell each other that they are drained, in milliseconds: all of them may be. */
const settlingMilliseconds = 1_000
/** How often it is looked at whether all is over, in milliseconds. */
const lookMilliseconds = 100

export interface DrainingParts {
  /** How long it may take, in seconds. */
  readonly seconds: number
  /** The sessions of this process. */
  readonly registry: { readonly size: number }
  readonly listening: {
    /** Open connections of clients. */
    readonly connections: number
    /** Accepts no new connections. */
    retire(): void
    closeIdleConnections(): void
  }
  /** The other processes of the service; undefined where there are none. */
  readonly nodes: Pick<Nodes, 'others' | 'onChange' | 'drain'> | undefined
  readonly clock: Clock
  /** Whether the service is being stopped in the meantime. */
  readonly isStopping: () => boolean
}

/**
 * Waits until the sessions of a service have ended that takes no new ones, or the time is over. As soon as another process
 * takes new sessions, connections are left to it: this one then carries on with what the others carry to it. Where all are
 * drained, each leaves them to those that still have sessions.
 */
export function drained(parts: DrainingParts): Promise<void> {
  const { registry, listening, nodes, clock, isStopping } = parts
  const begun = clock.now()
  const passed = () => clock.now() - begun
  let isRetired = false

  const leaveConnections = () => {
    if (nodes === undefined || passed() < settlingMilliseconds) return
    const areAllDrained = nodes.others.every(({ isDraining }) => isDraining)
    if (areAllDrained && registry.size > 0) return
    if (!isRetired) listening.retire()
    isRetired = true
    // There is no process that could need them open for long: those that are idle only keep this one from its end.
    if (areAllDrained) listening.closeIdleConnections()
  }
  const isOver = () => {
    if (isStopping() || passed() >= parts.seconds * 1000) return true
    if (registry.size > 0) return false
    // Others may have sessions whose clients wait here.
    return nodes === undefined || (isRetired && listening.connections === 0)
  }

  nodes?.drain()
  nodes?.onChange(leaveConnections)
  return new Promise(resolve => {
    const look = () => {
      leaveConnections()
      if (isOver()) resolve()
      else clock.after(lookMilliseconds, look)
    }
    look()
  })
}
