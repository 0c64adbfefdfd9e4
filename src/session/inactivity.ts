/** `since` is in milliseconds from the moment when the session was set down, so it is negative. */
export interface InactivityRecord {
  readonly seconds: number
  readonly isPaused: boolean
  readonly since: number
}

/** Time left after a restart for a page that repeats its request, in milliseconds. */
const leastLeft = 30_000

/** The time that a client has nothing open (XEP-0124 §10). */
export class Inactivity {
  /** At the client's request. */
  isPaused = false
  #seconds = 0

  /** When the last reply left or the last open request broke, in milliseconds of the clock. */
  constructor(public since: number) {}

  /** In milliseconds of the clock. */
  get end(): number {
    return this.since + this.#seconds * 1000
  }

  allow(seconds: number, isPaused = false): void {
    this.#seconds = seconds
    this.isPaused = isPaused
  }

  begin(now: number): void {
    this.since = now
  }

  record(now: number): InactivityRecord {
    return { seconds: this.#seconds, isPaused: this.isPaused, since: this.since - now }
  }

  takeUp({ seconds, isPaused, since }: InactivityRecord, now: number): void {
    this.allow(seconds, isPaused)
    this.begin(now + Math.max(since, Math.min(0, leastLeft - seconds * 1000)))
  }
}
