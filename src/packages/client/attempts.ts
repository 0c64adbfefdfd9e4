import { setTimeout } from 'node:timers/promises'
import { WarmBindingsError } from './warm-bindings-error.js'

/** Longer timers would fire at once. */
export const longestTimer = 2 ** 31 - 1

export interface AttemptLimits {
  /** Time limit of an attempt, in seconds. Default: 20. Keep it above WARM_TIMEOUT. */
  readonly timeoutSeconds: number
  /** Time limit of a call with retries and pauses, in seconds. Default: 40. */
  readonly totalSeconds: number
  /** Maximum number of attempts. Default: 3. */
  readonly attempts: number
}

/** Pauses are `Retry-After` or 1, 2, 4 … seconds, plus up to 50 % of jitter. */
export async function repeat<T>(
  attempt: (seconds: number) => Promise<T>,
  { timeoutSeconds, totalSeconds, attempts }: AttemptLimits,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = performance.now() + totalSeconds * 1000
  for (let count = 1; ; count += 1) {
    try {
      return await attempt(Math.min(timeoutSeconds, (deadline - performance.now()) / 1000))
    } catch (error) {
      if (!(error instanceof WarmBindingsError && error.retry) || count >= attempts) throw error
      const milliseconds = (error.retryAfter ?? 2 ** (count - 1)) * 1000 * (1 + Math.random() / 2)
      if (performance.now() + milliseconds >= deadline) throw error
      const pause = setTimeout(Math.min(milliseconds, longestTimer), undefined, { signal })
      await pause.catch(() => signal?.throwIfAborted())
    }
  }
}
