import { type ErrorCode, WarmBindingsError } from './warm-bindings-error.js'

/** After these the same call may succeed a little later. docs/embed.md has the same list; a test compares the two. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'no-answer',
  'remote-connection-failed',
  'remote-stream-error',
  'temporary-auth-failure',
  'service-full',
  'session-unreachable',
  'shutting-down',
  'timeout',
  'too-many-requests',
])

/** The longest time that timers know, in milliseconds; with a longer one they fire at once. */
export const longestTimer = 2 ** 31 - 1

export interface AttemptLimits {
  /** Longest time for one attempt, in seconds; default 20. Keep it above the service's WARM_TIMEOUT. */
  readonly timeoutSeconds: number
  /** Longest time for a call with all its attempts and the pauses between them, in seconds; default 40. */
  readonly totalSeconds: number
  /** How often a call is sent at most; default 3. */
  readonly attempts: number
}

/** Time as attempts see it; tests move it by hand. */
export interface Time {
  /** Milliseconds that only ever grow. */
  now(): number
  /** Resolves after `ms` milliseconds, or as soon as the signal is aborted. */
  pause(ms: number, signal?: AbortSignal): Promise<void>
}

/**
 * Calls `attempt`, with the seconds that it may take, until it succeeds, fails for good, or the limits are reached; then
 * rejects with the last failure. The pauses are those that the service asks for, or 1, 2, 4 … seconds, and up to half as
 * much again: callers that failed together do not come back together.
 */
export async function repeat<T>(
  attempt: (seconds: number) => Promise<T>,
  { timeoutSeconds, totalSeconds, attempts }: AttemptLimits,
  signal?: AbortSignal,
  time: Time = systemTime,
): Promise<T> {
  const deadline = time.now() + totalSeconds * 1000
  for (let count = 1; ; count += 1) {
    try {
      return await attempt(Math.min(timeoutSeconds, (deadline - time.now()) / 1000))
    } catch (error) {
      if (!(error instanceof WarmBindingsError && passing.has(error.code)) || count >= attempts) throw error
      const seconds = (error.retryAfter ?? 2 ** (count - 1)) * (1 + Math.random() / 2)
      if (time.now() + seconds * 1000 >= deadline) throw error
      await time.pause(seconds * 1000, signal)
      signal?.throwIfAborted()
    }
  }
}

const systemTime: Time = {
  now: () => performance.now(),
  pause: (ms, signal) =>
    new Promise(resolve => {
      const finish = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const timer = setTimeout(finish, Math.min(ms, longestTimer))
      signal?.addEventListener('abort', finish)
      if (signal?.aborted) finish()
    }),
}
