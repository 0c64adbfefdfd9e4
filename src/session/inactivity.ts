/** Milliseconds. After a restart, each page gets at least this time to return, unless its allowed time is shorter. */
const leastLeft = 30_000

/** The time allowed without a page, such as `inactivity` over BOSH (XEP-0124 §10), or `WEBSOCKET_RESUME`. */
export class Inactivity {
  isPaused = false
  #seconds = 0

  /** `since`: time of the last reply, of a broken request or WebSocket, or of a handover. */
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

  record(now: number) {
    return { seconds: this.#seconds, isPaused: this.isPaused, since: this.since - now }
  }

  takeUp({ seconds, isPaused, since }: ReturnType<Inactivity['record']>, now: number): void {
    this.allow(seconds, isPaused)
    this.begin(now + Math.max(since, Math.min(0, leastLeft - seconds * 1000)))
  }
}
