import type { StropheConnection, StropheRequests } from './strophe.js'

/** Statuses without network, or from a proxy. */
const brokenRequests = [0, 502, 503, 504]
/** A service restarts in less. In milliseconds. */
export const longestFailure = 15_000
/** Strophe gives up after its own count, which is less. */
const mostRetries = 100

export interface RetryEvents {
  /** The first of several failures. */
  failing(): void
  /** The same request is sent again in so many seconds. */
  failed(seconds: number): void
  /** The backend knows whether the session still exists. */
  lost(): void
}

/** Retries failed BOSH requests every second or two. Strophe alone would wait for 8 s, then for 27 s. */
export class Retries {
  readonly #events: RetryEvents
  #failures = 0
  /** Of the first failure, in milliseconds. Undefined if nothing has been answered. */
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

  /** Strophe sends or repeats a request, maybe after a pause. */
  sent(): void {
    this.#restore()
  }

  #failed(requests: StropheRequests): void {
    this.#failures += 1
    // Strophe repeats a request once at once.
    if (this.#failures === 1) return
    const now = Date.now()
    if (this.#since !== undefined) this.#since = Math.min(this.#since, now)
    if (this.#since === undefined || now - this.#since > longestFailure) {
      this.#events.lost()
      return
    }
    const seconds = Math.random() < 0.5 ? 1 : 2
    // Strophe ends the connection after five errors. It never pauses for longer than `wait`.
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
