import type { Listening } from '../http/listening/listening.js'
import { type Clock, pause, systemClock } from '../lib/clock.js'
import { traceOf } from '../lib/log.js'
import type { Phase } from '../lib/phase.js'
import { countLeftBehind, setDown } from '../session/registry/moving-sessions.js'
import type { StateFiles } from '../session/registry/state-files.js'
import type { SessionRecord } from '../session/session-record.js'
import type { OtherProcesses } from '../store/other-processes.js'
import type { Events } from '../warm/events/events.js'
import type { LastHour } from '../warm/numbers/last-hour.js'
import type { MetricsServer } from '../watching/metrics-server.js'
import { type JoinedProcesses, lastAnswersMilliseconds } from './joined-processes.js'
import type { Base } from './process-base.js'
import type { ProcessSessions } from './session-parts.js'
import type { Sites } from './sites.js'

/** Time for pages to send a request, whose reply reports the end. */
const farewellMilliseconds = 1_000
/** Time for Redis to answer again. On a busy machine, one late answer means that it is away. */
const storeMilliseconds = 3_000
/** Time for servers to enable stream management of the last logins. */
const enableMilliseconds = 1_000
/** Time for WebSocket pages to confirm stanzas, because the next process repeats unconfirmed stanzas. */
const settleMilliseconds = 500
/** Time for open requests to end after the handover of the sessions. Then their connections are cut. */
const stopMilliseconds = 8_000
/** Time for cut connections to close. */
const cutMilliseconds = 1_000

interface StoppingParts {
  readonly base: Pick<Base, 'live' | 'phase' | 'clock' | 'log' | 'joined' | 'sums'>
  readonly sessions: ProcessSessions
  readonly sites: Sites
  readonly listening: Listening
  readonly events: Events | undefined
  readonly files: StateFiles | undefined
  readonly lastHour: Pick<LastHour, 'stop'>
  readonly metricsServer: MetricsServer | undefined
}

export class Stopping {
  readonly #parts: StoppingParts
  #draining: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  constructor(parts: StoppingParts) {
    this.#parts = parts
  }

  drain(): Promise<void> {
    this.#draining ??= this.#drain()
    return this.#draining
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #drain(): Promise<void> {
    const { base, sessions, listening, files } = this.#parts
    const { live, phase, joined, clock, log } = base
    const { registry } = sessions
    const seconds = live.config.drainTime
    if (seconds === 0 || phase.has('stopping')) return
    phase.begin('draining')
    log.info({ sessions: registry.size, seconds }, 'draining')
    sessions.linking.links.spares.close()
    joined?.tellDraining()
    const mayMove = files !== undefined || sessions.shared !== undefined
    const sessionsLeft = () => (mayMove ? registry.immovable : registry.size)
    await drained({ seconds, sessionsLeft, listening, joined, clock, phase })
  }

  async #stop(): Promise<void> {
    const { base, sessions, sites, listening, events, files, lastHour, metricsServer } = this.#parts
    const { phase, joined, log, sums } = base
    const { registry } = sessions
    phase.begin('stopping')
    log.info({ sessions: registry.size }, 'stopping')
    sessions.shared?.records.stop()
    lastHour.stop()
    joined?.tellDraining()
    // A session that arrives after the others are set down would end.
    await sessions.shared?.records.settled()
    const canStore = files !== undefined || (await this.#isStoreUp())
    if (canStore) await this.#setDownSessions()
    else if (joined !== undefined) await this.#cedeSessions(joined)
    const left = countLeftBehind(registry.all(), canStore)
    if (left !== undefined) log.info(left, 'sessions end with this process')
    if (joined !== undefined) listening.retire()
    sites.shutDown()
    registry.shutDown()
    sessions.linking.shutDown()
    const late = pause(systemClock, stopMilliseconds)
    await until(() => registry.size === 0, farewellMilliseconds)
    if (joined !== undefined) {
      await joined.retireLinks()
      await until(() => joined.requests === 0, lastAnswersMilliseconds)
    }
    registry.endAllSilently()
    await joined?.leave()
    const closed = listening.close()
    const closing = setInterval(() => listening.closeIdleConnections(), 20)
    const ended = [closed, joined?.close(), events?.stop(), until(() => sessions.linking.isEmpty(), stopMilliseconds)]
    await Promise.race([Promise.all(ended), late])
    clearInterval(closing)
    listening.closeAllConnections()
    sessions.linking.close()
    // `closed` may stay pending, because Node does not close unfinished TLS handshakes.
    await Promise.race([closed, pause(systemClock, cutMilliseconds)])
    metricsServer?.close()
    sums.close()
    log.info('stopped')
  }

  /** Other processes continue sessions that have a record. The streams of the others are closed. */
  async #cedeSessions(joined: JoinedProcesses): Promise<void> {
    // If Redis comes back meanwhile, this process must not remove the records.
    await joined.leave()
    const recorded = this.#recorded
    const about = { recorded: recorded.length }
    if (this.#parts.sessions.registry.size > 0)
      this.#parts.base.log.error(about, 'sessions cannot be stored: Redis is away')
    for (const session of recorded) session.run(() => session.cede())
  }

  /** Without a later record, other processes continue these as if this one had been killed. */
  get #recorded() {
    const { registry } = this.#parts.sessions
    return [...registry.all()].filter(session => registry.kept?.hasRecord(session))
  }

  async #setDownSessions(): Promise<void> {
    const { base, sessions } = this.#parts
    const { phase, joined } = base
    const { registry } = sessions
    const begun = performance.now()
    const isWaiting = () => {
      const passed = performance.now() - begun
      return (
        (registry.stopDeliveries() && passed < settleMilliseconds) ||
        (registry.isEnabling && passed < enableMilliseconds)
      )
    }
    while (isWaiting()) await pause(systemClock, 20)
    phase.begin('setting-down')
    // An empty state file would replace an older file that cannot be read until its key is configured.
    if (registry.size === registry.immovable) return
    const stored = this.#storeSessions()
    if (joined !== undefined) joined.whenSetDown = stored
    await stored
  }

  async #storeSessions(): Promise<void> {
    const { base, sessions, listening, events, files } = this.#parts
    const { registry } = sessions
    listening.retire()
    const recorded = new Set(this.#recorded.map(({ id }) => id))
    const moved: Parameters<Events['tell']>[1][] = []
    const records = setDown(registry, session => void moved.push(session))
    // Undefined: none was stored.
    let unstored: readonly string[] | undefined
    try {
      if (files !== undefined) await files.write(records, registry.recordBytes)
      else unstored = await this.#put(records)
      if (unstored?.length) throw new Error('Redis is away')
      base.log.info({ sessions: moved.length }, 'sessions were stored for the next process')
    } catch (error) {
      const left = unstored && new Set(unstored.map(text => (JSON.parse(text) as SessionRecord).id))
      const lost = moved.filter(({ id }) => left?.has(id) !== false && !recorded.has(id))
      for (const session of lost) events?.tell('session.ended', session, 'shutdown')
      base.log.error({ sessions: lost.length, ...traceOf(error) }, 'sessions could not be stored')
    }
  }

  /** Resolves with what the store has not taken. */
  async #put(texts: Iterable<string>): Promise<readonly string[]> {
    const { records } = this.#parts.sessions.shared!
    const unstored = await records.put(texts)
    return unstored.length > 0 && (await this.#isStoreUp()) ? await records.put(unstored) : unstored
  }

  async #isStoreUp(): Promise<boolean> {
    const { joined } = this.#parts.base
    if (joined === undefined) return false
    await until(() => joined.store.isUp, storeMilliseconds)
    return joined.store.isUp
  }
}

/** Resolves also after the time. */
async function until(condition: () => boolean, milliseconds: number): Promise<void> {
  const begun = performance.now()
  while (!condition() && performance.now() - begun < milliseconds) await pause(systemClock, 20)
}

/** Time for processes to tell each other that they drain. */
const settlingMilliseconds = 1_000
const lookMilliseconds = 100

interface DrainingParts {
  readonly seconds: number
  readonly sessionsLeft: () => number
  readonly listening: Pick<Listening, 'connections' | 'retire' | 'closeIdleConnections'>
  readonly joined: { readonly peers: Pick<OtherProcesses, 'others'> } | undefined
  readonly clock: Clock
  readonly phase: Phase
}

/**
 * Resolves when no session is left and (with several processes) no connection is open, after `seconds`, or at a stop. Meanwhile,
 * new connections go to processes that do not drain.
 */
export function drained(parts: DrainingParts): Promise<void> {
  const { sessionsLeft, listening, joined, clock, phase } = parts
  const begun = clock.now()
  const passed = () => clock.now() - begun
  let isRetired = false

  const leaveConnections = () => {
    if (joined === undefined || passed() < settlingMilliseconds) return
    const areAllDrained = joined.peers.others.every(({ isDraining }) => isDraining)
    if (areAllDrained && sessionsLeft() > 0) return
    listening.retire()
    isRetired = true
    if (areAllDrained) listening.closeIdleConnections()
  }
  const isOver = () => {
    if (phase.has('stopping') || passed() >= parts.seconds * 1000) return true
    if (sessionsLeft() > 0) return false
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
