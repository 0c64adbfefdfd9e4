import type { Clock } from '../lib/clock.js'
import type { OtherProcesses } from '../store/other-processes.js'

/** Time for processes to tell each other that they drain. */
const settlingMilliseconds = 1_000
const lookMilliseconds = 100

interface DrainingParts {
  readonly seconds: number
  readonly registry: { readonly size: number }
  readonly listening: {
    readonly connections: number
    retire(): void
    closeIdleConnections(): void
  }
  readonly joined: { readonly peers: Pick<OtherProcesses, 'others'> } | undefined
  readonly clock: Clock
  readonly isStopping: () => boolean
}

/**
 * Resolves when `registry` is empty and (with several processes) no connection is open, after `seconds`, or at a stop. Meanwhile,
 * new connections go to processes that do not drain.
 */
export function drained(parts: DrainingParts): Promise<void> {
  const { registry, listening, joined, clock, isStopping } = parts
  const begun = clock.now()
  const passed = () => clock.now() - begun
  let isRetired = false

  const leaveConnections = () => {
    if (joined === undefined || passed() < settlingMilliseconds) return
    const areAllDrained = joined.peers.others.every(({ isDraining }) => isDraining)
    if (areAllDrained && registry.size > 0) return
    listening.retire()
    isRetired = true
    if (areAllDrained) listening.closeIdleConnections()
  }
  const isOver = () => {
    if (isStopping() || passed() >= parts.seconds * 1000) return true
    if (registry.size > 0) return false
    // Waits for connections, because they may serve sessions of other processes.
    return joined === undefined || (isRetired && listening.connections === 0)
  }

  return new Promise(resolve => {
    const look = () => {
      leaveConnections()
      if (isOver()) resolve()
      else clock.after(lookMilliseconds, look)
    }
    look()
  })
}
