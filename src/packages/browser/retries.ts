import type { StropheConnection, StropheRequests } from './strophe.js'

/** Statuses of a proxy, or of a missing network. */
const brokenRequests = [0, 502, 503, 504]
/** A restart of the service takes less. */
export const longestFailure = 15_000
/** Strophe's default would end the retries sooner. */
const mostRetries = 100

export interface RetryEvents {
  failing(): void
  /** A request will be sent again after this number of seconds. */
  failed(seconds: number): void
  /** The backend must be asked whether the session still exists. */
  lost(): void
}

/** Repeats every second or two. Strophe itself would wait for 8 s, then for 27 s. */
export class Retries {
  readonly #events: RetryEvents
  #failures = 0
  /** Time of the first failure. Undefined before the first reply, infinite after each reply. */
  #since: number | undefined
  #restore = () => {}

  constructor(connection: StropheConnection, events: RetryEvents) {
    this.#events = events
    connection.maxRetries = mostRetries
    const failed = (requests: StropheRequests) => this.#failed(requests)
    for (const status of brokenRequests) {
      connection.addProtocolErrorHandler('HTTP', status, function (this: StropheRequests) {
        failed(this)
      })
    }
  }

  answered(): void {
    this.#failures = 0
    this.#since = Number.POSITIVE_INFINITY
  }

  sent(): void {
    this.#restore()
  }

  #failed(requests: StropheRequests): void {
    this.#failures += 1
    // Strophe itself repeats once without a pause.
    if (this.#failures === 1) return
    const now = Date.now()
    if (this.#since) this.#since = Math.min(this.#since, now)
    if (!this.#since || now - this.#since > longestFailure) {
      this.#events.lost()
      return
    }
    const seconds = Math.random() < 0.5 ? 1 : 2
    // Strophe ends the connection after five errors, and never pauses for longer than `wait`.
    requests.errors = 0
    const { wait } = requests
    requests.wait = seconds
    this.#restore = () => {
      requests.wait = wait
      this.#restore = () => {}
    }
    if (this.#failures === 2) this.#events.failing()
    this.#events.failed(seconds)
  }
}
