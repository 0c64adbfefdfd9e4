import type { Clock, Timer } from '../../lib/clock.js'

const featuresSeconds = 10
const trialSeconds = 3
/** A firewall may have forgotten a spare link, so its server must answer sooner. */
const spareSeconds = 1
const closeSeconds = 5

export interface DeadlineEvents {
  onStall(): void
  onSilentSpare(): void
}

/** The time limit of a link for the server's next answer. */
export class LinkDeadline {
  readonly #clock: Clock
  readonly #featuresSeconds: number
  readonly #events: DeadlineEvents
  #timer: Timer | undefined

  /** `stepSeconds`: the least time that a server has for its features. */
  constructor(clock: Clock, stepSeconds: number, events: DeadlineEvents) {
    this.#clock = clock
    this.#featuresSeconds = Math.max(featuresSeconds, stepSeconds)
    this.#events = events
  }

  /** For features, or for the answer to pipelined data of a trial. */
  forAnswer(isTrial: boolean): void {
    this.#set(isTrial ? trialSeconds : this.#featuresSeconds, () => this.#events.onStall())
  }

  forSpare(): void {
    this.#set(spareSeconds, () => this.#events.onSilentSpare())
  }

  /** For the end of the server's stream (RFC 6120 §4.4). */
  forEnd(): void {
    this.#set(closeSeconds, () => this.#events.onStall())
  }

  clear(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #set(seconds: number, act: () => void): void {
    this.clear()
    this.#timer = this.#clock.after(seconds * 1000, act)
  }
}
