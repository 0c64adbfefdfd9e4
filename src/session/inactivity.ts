/** `since` is in milliseconds after the session was set down. */
export interface InactivityRecord {
  readonly seconds: number
  readonly isPaused: boolean
  readonly since: number
}

/** For a page that has found no process, and tries again, in milliseconds. */
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
