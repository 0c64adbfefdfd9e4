import type { StropheConnection, StropheRequests } from './strophe.js'
import { refusePages } from './unreadable-replies.js'

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
export function retryRequests(connection: StropheConnection, { failing, failed, lost }: RetryEvents) {
  let failures = 0
  /** Start of the outage. Infinity if there is no outage, undefined before the first reply. */
  let since: number | undefined
  let restore = () => {}
  let heardAt = Date.now()

  function repeat(this: StropheRequests) {
    failures += 1
    // Strophe itself repeats once without a pause.
    if (failures === 1) return
    const now = Date.now()
    if (since) since = Math.min(since, now)
    if (!since || now - since > longestFailure) return lost()
    const seconds = Math.random() < 0.5 ? 1 : 2
    // Strophe ends the connection after five errors, and never pauses for longer than `wait`.
    this.errors = 0
    const { wait } = this
    this.wait = seconds
    restore = () => {
      this.wait = wait
      restore = () => {}
    }
    if (failures === 2) failing()
    failed(seconds)
  }

  refusePages(connection, lost)
  connection.maxRetries = mostRetries
  for (const status of brokenRequests) connection.addProtocolErrorHandler('HTTP', status, repeat)
  return {
    /** Longer than the service holds a request. */
    isSilent: (wait = 60) => Date.now() - heardAt > (wait + 15) * 1_000,
    answered() {
      heardAt = Date.now()
      failures = 0
      since = Infinity
    },
    sent: () => restore(),
  }
}
