import type { Problem } from './api-types.js'

/** A code of docs/errors.md, `no-answer`, or `bad-answer` if the answer is not from the service. */
export type ErrorCode = Problem['code'] | 'no-answer' | 'bad-answer'

type About = Partial<Pick<WarmBindingsError, 'advice' | 'status' | 'instance' | 'retryAfter'>> & {
  readonly retry?: boolean | undefined
}

/** For answers without `retry`. */
const temporaryErrors: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'no-answer',
  'remote-connection-failed',
  'remote-stream-error',
  'temporary-auth-failure',
  'service-full',
  'local-ports-exhausted',
  'too-many-sessions',
  'session-unreachable',
  'store-unavailable',
  'keys-unavailable',
  'shutting-down',
  'timeout',
  'too-many-requests',
])

/** Contains no password, token or credential. */
export class WarmBindingsError extends Error {
  override readonly name = 'WarmBindingsError'
  /** What to do now. For logs and operators only. */
  readonly advice: string | undefined
  /** Whether the same call may succeed later. */
  readonly retry: boolean
  readonly status: number | undefined
  /** The call's id in the service's log. */
  readonly instance: string | undefined
  /** Seconds until a retry may succeed. */
  readonly retryAfter: number | undefined

  constructor(
    readonly code: ErrorCode,
    /** For logs and operators only. */
    readonly detail: string,
    { advice, retry = temporaryErrors.has(code), status, instance, retryAfter }: About = {},
  ) {
    super(`${code}: ${detail}${instance === undefined ? '' : ` (${instance})`}`)
    this.advice = advice
    this.retry = retry
    this.status = status
    this.instance = instance
    this.retryAfter = retryAfter
  }
}
