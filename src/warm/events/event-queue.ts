import type { Logger } from 'pino'
import type { Clock, Timer } from '../../lib/clock.js'
import type { Counts, EventType } from '../../lib/counts.js'
import type { AddCall, MinuteSums } from '../../lib/limits/minute-sums.js'
import { codeOf } from '../../lib/log.js'

const mostAtOnce = 8
const mostWaiting = 10_000
const mostBytes = 8 * 1024 * 1024
/** Only ends of sessions use the other half, so that a flood of resumes drops none. */
const shareOfOthers = 1 / 2
/** Waiting events of one session, without its end. */
const mostOfSession = 8
/** Checked only when an attempt fails. */
const mostAge = 24 * 3600_000
const firstPause = 1_000
const longestPause = 300_000
/** The first line about dropped events waits for others. */
const dropWait = 60_000

export interface SessionEvent {
  readonly id: string
  readonly type: EventType
  readonly session: string
  readonly body: string
}

export interface EventQueueParts {
  readonly clock: Clock
  readonly counts: Pick<Counts, 'events'>
  readonly sums: MinuteSums
  readonly log: Logger
}

type Waiting = SessionEvent & { readonly size: number; readonly since: number }

/** Events of one session. The first event is being sent, is ready, or waits for a retry. */
interface Line {
  readonly events: Waiting[]
  failures: number
  pause: Timer | undefined
}

/** A failing event delays only later events of its session. */
export class EventQueue {
  readonly #parts: EventQueueParts
  readonly #send: (event: SessionEvent) => Promise<void>
  readonly #lines = new Map<string, Line>()
  readonly #ready = new Set<Line>()
  waiting = 0
  #bytes = 0
  #underWay = 0
  #whenOver: (() => void) | undefined
  #isOver = false
  readonly #isWarningDue: (key: string) => boolean
  readonly #noteDropped: AddCall<number>

  constructor(parts: EventQueueParts, send: (event: SessionEvent) => Promise<void>) {
    this.#parts = parts
    this.#send = send
    this.#isWarningDue = parts.sums.firsts()
    this.#noteDropped = parts.sums.of(dropped => parts.log.warn({ dropped }, 'events were dropped'), dropWait)
  }

  add(event: SessionEvent): void {
    const size = Buffer.byteLength(event.body)
    const line = this.#lines.get(event.session)
    const isEnd = event.type === 'session.ended'
    const share = isEnd ? 1 : shareOfOthers
    const isFull = this.waiting >= mostWaiting * share || this.#bytes + size > mostBytes * share
    if (this.#isOver || isFull || (!isEnd && (line?.events.length ?? 0) >= mostOfSession)) {
      this.#drop(event)
      return
    }
    this.waiting += 1
    this.#bytes += size
    const waiting = { ...event, size, since: this.#parts.clock.now() }
    if (line !== undefined) {
      line.events.push(waiting)
      return
    }
    const begun = { events: [waiting], failures: 0, pause: undefined }
    this.#lines.set(event.session, begun)
    this.#makeReady(begun)
  }

  /** Sends each waiting event at most once more. Drops the rest after `milliseconds`. */
  stop(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const timer = this.#parts.clock.after(milliseconds, () => this.#end())
      this.#whenOver = () => {
        timer.cancel()
        resolve()
      }
      for (const line of this.#lines.values()) if (line.pause !== undefined) this.#makeReady(line)
      if (this.waiting === 0) this.#end()
    })
  }

  #makeReady(line: Line): void {
    line.pause?.cancel()
    line.pause = undefined
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
    const event = line.events[0]!
    this.#underWay += 1
    const failure = await this.#send(event).then(
      () => undefined,
      (error: unknown) => ({ cause: codeOf(error) }),
    )
    this.#underWay -= 1
    if (this.#isOver) return
    this.#parts.counts.events[event.type][failure === undefined ? 'sent' : 'failed'] += 1
    if (failure === undefined) this.#shift(line)
    else this.#failed(line, event, failure)
    if (this.waiting === 0 && this.#whenOver !== undefined) this.#end()
    else this.#sendReady()
  }

  #failed(line: Line, event: Waiting, failure: { readonly cause: string | undefined }): void {
    const { clock, log } = this.#parts
    line.failures += 1
    const { id, type, session } = event
    const about = { event: id, type, session, failures: line.failures, ...failure }
    log[this.#isWarningDue('') ? 'warn' : 'debug'](about, 'the portal did not take an event')
    if (this.#whenOver !== undefined || clock.now() - event.since >= mostAge) {
      this.#drop(event)
      this.#shift(line)
    } else line.pause = clock.after(pauseAfter(line.failures), () => this.#makeReady(line))
  }

  #shift(line: Line): void {
    const { session, size } = line.events.shift()!
    this.waiting -= 1
    this.#bytes -= size
    line.failures = 0
    if (line.events.length > 0) this.#makeReady(line)
    else this.#lines.delete(session)
  }

  #drop({ type }: SessionEvent): void {
    this.#parts.counts.events[type].dropped += 1
    this.#noteDropped('', (dropped = 0) => dropped + 1)
  }

  #end(): void {
    this.#isOver = true
    for (const { events } of this.#lines.values()) for (const event of events) this.#drop(event)
    this.#lines.clear()
    this.waiting = 0
    this.#whenOver?.()
  }
}

function pauseAfter(failures: number): number {
  const pause = Math.min(longestPause, firstPause * 2 ** (failures - 1))
  return (pause * (1 + Math.random())) / 2
}
