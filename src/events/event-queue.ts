import type { Logger } from 'pino'
import type { Clock, Timer } from '../lib/clock.js'
import type { Counts, EventType } from '../lib/counts.js'
import { onceAMinute } from '../lib/limits/throttle.js'
import { codeOf } from '../lib/log.js'

/** How many events are on their way at a time. */
const mostAtOnce = 8
/** How many may wait, those on their way included, and the bytes of their bodies. */
const mostWaiting = 10_000
const mostBytes = 8 * 1024 * 1024
/** How old an event may be when an attempt to send it fails, in milliseconds: it is not tried again then. */
const mostAge = 24 * 3600_000
/** How long a session's events pause after a failure, in milliseconds: twice as long after each, up to the longest. */
const firstPause = 1_000
const longestPause = 300_000
/** How often it is logged how many events were dropped, in milliseconds. */
const dropInterval = 60_000

/** What has happened to a session. The body is what is sent, in the same words each time. */
export interface SessionEvent {
  readonly id: string
  readonly type: EventType
  /** The session's handle. */
  readonly session: string
  readonly body: string
}

export interface EventQueueParts {
  /** Makes one attempt, and rejects where the event was not taken. */
  readonly send: (event: SessionEvent) => Promise<void>
  readonly clock: Clock
  readonly counts: Pick<Counts, 'events'>
  readonly log: Logger
}

type Waiting = SessionEvent & { readonly size: number; readonly since: number }

/** The events of a session, oldest first. The first is on its way, or it is its turn, or it waits for a pause to be over. */
interface Line {
  readonly events: Waiting[]
  /** How often the first was not taken. */
  failures: number
  pause: Timer | undefined
}

/**
 * Events that wait to be taken. Those of one session are sent one after the other, each until it is taken; those of several
 * sessions don't wait for each other.
 */
export class EventQueue {
  readonly #parts: EventQueueParts
  /** By session; none is empty. */
  readonly #lines = new Map<string, Line>()
  /** Those whose turn it is. */
  readonly #ready = new Set<Line>()
  #waiting = 0
  #bytes = 0
  #underWay = 0
  /** Dropped and not logged yet, and what will log it. */
  #dropped = 0
  #dropLog: Timer | undefined
  /** Called when nothing waits any more; there once the service stops. */
  #whenOver: (() => void) | undefined
  #isOver = false
  readonly #isWarningDue: () => boolean

  constructor(parts: EventQueueParts) {
    this.#parts = parts
    this.#isWarningDue = onceAMinute(parts.clock)
  }

  /** How many events have not been taken yet. */
  get waiting(): number {
    return this.#waiting
  }

  /** Puts an event behind those of the same session; drops it where too many wait. */
  add(event: SessionEvent): void {
    const size = Buffer.byteLength(event.body)
    if (this.#isOver || this.#waiting >= mostWaiting || this.#bytes + size > mostBytes) {
      this.#drop(event)
      return
    }
    this.#waiting += 1
    this.#bytes += size
    const waiting = { ...event, size, since: this.#parts.clock.now() }
    const line = this.#lines.get(event.session)
    if (line !== undefined) {
      line.events.push(waiting)
      return
    }
    const begun = { events: [waiting], failures: 0, pause: undefined }
    this.#lines.set(event.session, begun)
    this.#makeReady(begun)
  }

  /**
   * Sends what waits, without pauses and each event once more at most. Resolves when that is done, or after so many
   * milliseconds; what has not been taken by then is dropped.
   */
  stop(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const timer = this.#parts.clock.after(milliseconds, () => this.#end())
      this.#whenOver = () => {
        timer.cancel()
        resolve()
      }
      for (const line of this.#lines.values()) if (line.pause !== undefined) this.#makeReady(line)
      if (this.#waiting === 0) this.#end()
    })
  }

  #makeReady(line: Line): void {
    line.pause?.cancel()
    line.pause = undefined
    // Later: what has put the event in line does not wait for the attempt to begin.
    if (this.#ready.size === 0) this.#parts.clock.after(0, () => this.#sendReady())
    this.#ready.add(line)
  }

  #sendReady(): void {
    for (const line of this.#ready) {
      if (this.#underWay >= mostAtOnce || this.#isOver) return
      this.#ready.delete(line)
      void this.#sendFirst(line)
    }
  }

  async #sendFirst(line: Line): Promise<void> {
    const { send, counts } = this.#parts
    const event = line.events[0]!
    this.#underWay += 1
    const failure = await send(event).then(
      () => undefined,
      (error: unknown) => ({ cause: codeOf(error) }),
    )
    this.#underWay -= 1
    if (this.#isOver) return
    counts.events[event.type][failure === undefined ? 'sent' : 'failed'] += 1
    if (failure === undefined) this.#shift(line)
    else this.#failed(line, event, failure)
    if (this.#waiting === 0 && this.#whenOver !== undefined) this.#end()
    else this.#sendReady()
  }

  #failed(line: Line, event: Waiting, failure: { readonly cause: string | undefined }): void {
    const { clock, log } = this.#parts
    line.failures += 1
    const { id, type, session } = event
    const about = { event: id, type, session, failures: line.failures, ...failure }
    log[this.#isWarningDue() ? 'warn' : 'debug'](about, 'the portal did not take an event')
    if (this.#whenOver !== undefined || clock.now() - event.since >= mostAge) {
      this.#drop(event)
      this.#shift(line)
    } else line.pause = clock.after(pauseAfter(line.failures), () => this.#makeReady(line))
  }

  /** The first event is done with, and it is the turn of the next one. */
  #shift(line: Line): void {
    const { session, size } = line.events.shift()!
    this.#waiting -= 1
    this.#bytes -= size
    line.failures = 0
    if (line.events.length > 0) this.#makeReady(line)
    else this.#lines.delete(session)
  }

  #drop({ type }: SessionEvent): void {
    const { clock, counts } = this.#parts
    counts.events[type].dropped += 1
    this.#dropped += 1
    this.#dropLog ??= clock.after(dropInterval, () => this.#logDropped())
  }

  #logDropped(): void {
    this.#dropLog?.cancel()
    this.#dropLog = undefined
    if (this.#dropped > 0) this.#parts.log.warn({ dropped: this.#dropped }, 'events were dropped')
    this.#dropped = 0
  }

  /** What waits now is dropped. */
  #end(): void {
    this.#isOver = true
    for (const { events } of this.#lines.values()) for (const event of events) this.#drop(event)
    this.#lines.clear()
    this.#waiting = 0
    this.#logDropped()
    this.#whenOver?.()
  }
}

/** In milliseconds; not the same for all, so that those that failed together don't come together again. */
function pauseAfter(failures: number): number {
  const pause = Math.min(longestPause, firstPause * 2 ** (failures - 1))
  return (pause * (1 + Math.random())) / 2
}
