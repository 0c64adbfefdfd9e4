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
}
