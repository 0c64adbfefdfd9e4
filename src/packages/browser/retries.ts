import type { StropheConnection, StropheRequests } from './strophe.js'

/** A proxy sends these HTTP statuses. 0 means no response. */
const brokenRequests = [0, 502, 503, 504]
/** Milliseconds. A restart of the service takes less. */
export const longestFailure = 15_000
/** High, because `longestFailure` ends the retries. */
const mostRetries = 100

interface RetryEvents {
  failing(): void
  /** The request is sent again after `seconds`. */
  failed(seconds: number): void
  /** The request is not sent again. The page must ask for a new binding. */
  lost(): void
}

/** Repeats requests every second or two. Strophe would wait for 8 s, then for 27 s. */
export class Retries {
  readonly #events: RetryEvents
  #failures = 0
  /** Start of the outage. Infinity if there is no outage, undefined before the first reply. */
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
