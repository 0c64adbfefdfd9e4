/** How long a session's client may have nothing open, and since when it has not (XEP-0124 §10). */
export class Inactivity {
  /** Whether the client has asked for a pause. */
  isPaused = false
  #seconds = 0

  /** `since` is when the last reply left or the last open request broke, in milliseconds of the clock. */
  constructor(public since: number) {}

  /** When it has lasted too long, in milliseconds of the clock. */
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
