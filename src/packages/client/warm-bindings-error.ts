import type { Problem } from './api-types.js'

/** A code of docs/errors.md, `no-answer` where none came in time, or `bad-answer` for one that is not the service's. */
export type ErrorCode = Problem['code'] | 'no-answer' | 'bad-answer'

type About = Partial<Pick<WarmBindingsError, 'status' | 'instance' | 'retryAfter'>>

/** A call that failed. Holds nothing of what was sent: no password, no token, no credentials. */
export class WarmBindingsError extends Error {
  override readonly name = 'WarmBindingsError'
  /** The HTTP status; undefined where there was no answer. */
  readonly status: number | undefined
  /** The request's id, under which the service's log has the call; undefined where the service did not answer. */
  readonly instance: string | undefined
  /** Seconds after which the same call may succeed, where the service says so. */
  readonly retryAfter: number | undefined

  constructor(
    readonly code: ErrorCode,
    /** What went wrong, in words: for logs and operators, not for users. */
    readonly detail: string,
    { status, instance, retryAfter }: About = {},
  ) {
    super(`${code}: ${detail}${instance === undefined ? '' : ` (${instance})`}`)
    this.status = status
    this.instance = instance
    this.retryAfter = retryAfter
  }
}
