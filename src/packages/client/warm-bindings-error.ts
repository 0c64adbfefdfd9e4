import type { Problem } from './api-types.js'

/** A code of docs/errors.md, `no-answer`, or `bad-answer` if something else than the service answered. */
export type ErrorCode = Problem['code'] | 'no-answer' | 'bad-answer'

type About = Partial<Pick<WarmBindingsError, 'status' | 'instance' | 'retryAfter'>>

/** A failed call. Contains no password, token or credentials. */
export class WarmBindingsError extends Error {
  override readonly name = 'WarmBindingsError'
  readonly status: number | undefined
  /** The call's id in the service's log. */
  readonly instance: string | undefined
  /** Seconds until a retry may succeed. */
  readonly retryAfter: number | undefined

  constructor(
    readonly code: ErrorCode,
    /** For logs and operators only. */
    readonly detail: string,
    { status, instance, retryAfter }: About = {},
  ) {
    super(`${code}: ${detail}${instance === undefined ? '' : ` (${instance})`}`)
    this.status = status
    this.instance = instance
    this.retryAfter = retryAfter
  }
}
