export interface InactivityRecord {
  readonly seconds: number
  readonly isPaused: boolean
  readonly since: number
}

/** After a restart, a page has this time to repeat its request. */
const leastLeft = 30_000

/** XEP-0124 §10. */
export class Inactivity {
  isPaused = false
  #seconds = 0

  /** `since`: when the last reply was sent, or the last open request broke. */
  constructor(public since: number) {}

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
