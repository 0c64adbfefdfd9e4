import type { Logger } from 'pino'
import type { Events } from '../events/events.js'
import type { Listening } from '../http/listening/listening.js'
import { type Clock, pause, systemClock } from '../lib/clock.js'
import { traceOf } from '../lib/log.js'
import { countLeftBehind, setDown } from '../session/registry/moving-sessions.js'
import type { StateFiles } from '../session/registry/state-files.js'
import type { StoredRecords } from '../session/registry/stored-records.js'
import type { OtherProcesses } from '../store/other-processes.js'
import type { JoinedProcesses } from './joined-processes.js'
import type { createSessionParts } from './session-parts.js'
import type { Sites } from './sites.js'

/** Time for pages to send a request, whose reply reports the end. */
const farewellMilliseconds = 1_000
/** Time for servers to enable stream management of the last logins. */
const enableMilliseconds = 1_000
/** Time for WebSocket pages to confirm stanzas, because the next process repeats unconfirmed stanzas. */
const settleMilliseconds = 500
/** Time for the last answers of other processes. */
const carriedMilliseconds = 250
/** Time for open requests to end after the handover of the sessions. Then their connections are cut. */
const stopMilliseconds = 8_000
/** Time for cut connections to close. */
const cutMilliseconds = 1_000

interface StoppingParts {
  readonly drainTime: number
  readonly sessions: ReturnType<typeof createSessionParts>
  readonly sites: Sites
  readonly listening: Listening
  readonly events: Events | undefined
  readonly joined: JoinedProcesses | undefined
  readonly records: StoredRecords | undefined
  readonly files: StateFiles | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly onStop: () => void
  readonly onStopped: () => void
}

export type Stopping = ReturnType<typeof createStopping>

export function createStopping(parts: StoppingParts) {
  const { sessions, sites, listening, events, joined, records, files, clock, log } = parts
  const { registry } = sessions
  let isReady = true
  let draining: Promise<void> | undefined
  let stopped: Promise<void> | undefined

  const storeAll = async (texts: Iterable<string>) => {
    const left = records === undefined ? texts : await records.put(texts)
    if (Array.isArray(left) && left.length === 0) return
    if (files === undefined) throw new Error('Redis is away, and STATE_DIR is not set')
    await files.write(left, registry.recordBytes)
  }

  const setDownSessions = async () => {
    const begun = performance.now()
    const isWaiting = () => {
      const passed = performance.now() - begun
      return (
        (registry.stopDeliveries() && passed < settleMilliseconds) ||
        (registry.isEnabling && passed < enableMilliseconds)
      )
    }
    while (isWaiting()) await pause(systemClock, 20)
    registry.isSettingDown = true
    // An empty state file would replace an older file that cannot be read until its key is configured.
    if (registry.size === registry.immovable) return
    // Requests of other processes wait until the store has the sessions.
    joined?.beginSetDown()
    listening.retire()
    const moved: Parameters<Events['tell']>[1][] = []
    try {
      await storeAll(setDown(registry, session => void moved.push(session)))
      log.info({ sessions: moved.length }, 'sessions were stored for the next process')
    } catch (error) {
      for (const session of moved) events?.tell('session.ended', session, 'shutdown')
      log.error({ sessions: moved.length, ...traceOf(error) }, 'sessions could not be stored')
    }
  }

  const stop = async () => {
    registry.isDraining = true
    registry.isLeaving = true
    log.info({ sessions: registry.size }, 'stopping')
    parts.onStop()
    joined?.drain()
    const canStore = files !== undefined || joined?.store.isUp === true
    if (canStore) await setDownSessions()
    // Their streams are closed, because no process would continue them.
    else if (joined !== undefined) log.error('sessions cannot be stored: Redis is away, and STATE_DIR is not set')
    joined?.endSetDown()
    const left = countLeftBehind(registry.all(), canStore)
    if (left !== undefined) log.info(left, 'sessions end with this process')
    if (joined !== undefined) listening.retire()
    sites.shutDown()
    sessions.shutDown()
    const late = pause(systemClock, stopMilliseconds)
    await Promise.race([until(() => registry.size === 0), pause(systemClock, farewellMilliseconds)])
    if (joined !== undefined) {
      await joined.retireLinks()
      await Promise.race([until(() => joined.requests === 0), pause(systemClock, carriedMilliseconds)])
    }
    registry.endAllSilently()
    await joined?.leave()
    const closed = listening.close()
    const closing = setInterval(listening.closeIdleConnections, 20)
    const joinedClosed = joined?.close()
    const told = events?.stop()
    await Promise.race([Promise.all([closed, told, joinedClosed, until(sessions.isEmpty)]), late])
    clearInterval(closing)
    listening.closeAllConnections()
    sessions.close()
    // `closed` may stay pending, because Node does not close unfinished TLS handshakes.
    await Promise.race([closed, pause(systemClock, cutMilliseconds)])
    sites.close()
    parts.onStopped()
    log.info('stopped')
  }

  const drain = async () => {
    const seconds = parts.drainTime
    if (seconds === 0 || stopped !== undefined) return
    isReady = false
    log.info({ sessions: registry.size, seconds }, 'draining')
    sessions.drain()
    joined?.drain()
    const isStopping = () => stopped !== undefined
    const open = {
      get size() {
        const mayMove = files !== undefined || records !== undefined
        return mayMove ? registry.immovable : registry.size
      },
    }
    await drained({ seconds, registry: open, listening, joined, clock, isStopping })
  }

  return {
    get isReady() {
      return isReady
    },
    get hasBegun() {
      return stopped !== undefined
    },
    drain(): Promise<void> {
      draining ??= drain()
      return draining
    },
    stop(): Promise<void> {
      isReady = false
      stopped ??= stop()
      return stopped
    },
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(systemClock, 20)
}

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
