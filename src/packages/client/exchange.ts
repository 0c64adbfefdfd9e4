import type { Check } from './answer-checks.js'
import type { Problem } from './api-types.js'
import { longestTimer } from './attempts.js'
import { WarmBindingsError } from './warm-bindings-error.js'

/** Bytes. A list of 1,000 sessions is shorter. */
const longestAnswer = 8 * 1024 * 1024
const retriedStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504])

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** Rejects with a `WarmBindingsError`, or the signal's reason. */
export async function exchange<T>(
  { url, ...call }: Call,
  check: Check<T>,
  seconds: number,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted()
  const limit = AbortSignal.timeout(Math.min(Math.max(0, Math.ceil(seconds * 1000)), longestTimer))
  try {
    // A redirect could send credentials to another address.
    const either = signal === undefined ? limit : AbortSignal.any([signal, limit])
    const response = await fetch(url, { ...call, redirect: 'manual', signal: either })
    return read(response, await textOf(response), check)
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof WarmBindingsError) throw error
    const why = limit.aborted ? ' in time' : `: ${reasonOf(error)}`
    throw new WarmBindingsError('no-answer', `The service did not answer${why}.`)
  }
}

async function textOf({ body, status }: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body ?? []) {
    length += part.byteLength
    if (length > longestAnswer) throw new WarmBindingsError('bad-answer', 'The answer is too long.', { status })
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

function read<T>({ status, headers }: Response, text: string, check: Check<T>): T {
  const answer = status === 204 ? undefined : parse(text)
  if ((status === 204 || (status === 200 && answer !== undefined)) && check(answer)) return answer
  const type = headers.get('Content-Type') ?? ''
  const retryAfter = secondsOf(headers.get('Retry-After'))
  if (type.startsWith('application/problem+json') && isProblem(answer)) {
    const { code, detail = '', advice, retry, instance } = answer
    throw new WarmBindingsError(code, detail, { advice, retry, status, instance, retryAfter })
  }
  if (retriedStatuses.has(status))
    throw new WarmBindingsError('no-answer', `A server in between says HTTP ${status}.`, { status, retryAfter })
  const detail = `HTTP ${status} is not from warm-bindings: is the url that of its /warm?`
  throw new WarmBindingsError('bad-answer', detail, { status })
}

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function isProblem(answer: object | undefined): answer is Pick<Problem, 'code'> & Partial<Problem> {
  const given: Partial<Record<keyof Problem, unknown>> = answer ?? {}
  const { code, detail = '', advice = '', retry = false, instance = '' } = given
  return [code, detail, advice, instance].every(text => typeof text === 'string') && typeof retry === 'boolean'
}

function secondsOf(header: string | null): number | undefined {
  return header !== null && /^\d+$/.test(header) ? Number(header) : undefined
}

function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: NodeJS.ErrnoException }
  return cause?.code ?? cause?.message ?? 'the connection broke'
}
