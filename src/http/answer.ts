import { STATUS_CODES } from 'node:http'
import type { Response } from 'express'
import { Problem, type ProblemCode, problems } from '../errors.js'
import type { Representation } from './negotiation.js'
import { renderPage } from './views.js'

/** A reply in its wire form, apart from what Express adds. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What passes by itself: the same call may succeed a little later. */
export const passingStatuses: ReadonlySet<number> = new Set([429, 503])

/** Seconds after which to come back where a problem that passes does not say. */
const usualRetryAfter = 5

/** What an error page knows besides the problem. */
export interface ProblemContext {
  /** Under this it is in the log. */
  readonly requestId: string | undefined
  /** The path before our own addresses. */
  readonly home: string
  /** The path of the form whose sending failed, to go back to. */
  readonly form?: string | undefined
}

/** The same problem as an error page or as RFC 9457's problem details. */
export function problemAnswer(
  problem: Problem,
  representation: Representation,
  { requestId, home, form }: ProblemContext,
): Answer {
  const { status, code, step, condition } = problem
  const title = STATUS_CODES[status]!
  const detail = [problems[code].sentence, problem.detail].filter(Boolean).join(' ')
  const headers: Record<string, string> = {
    'Content-Type': representation === 'json' ? 'application/problem+json' : contentTypes[representation],
  }
  if (problem.retryAfterSeconds !== undefined || passingStatuses.has(status)) {
    headers['Retry-After'] = String(problem.retryAfterSeconds ?? usualRetryAfter)
  }
  const instance = requestId === undefined ? undefined : `urn:uuid:${requestId}`
  const body =
    representation === 'json'
      ? JSON.stringify({ type: 'about:blank', title, status, detail, code, step, condition, instance })
      : renderPage('error', {
          ...{ title, home, form, detail },
          // A browser shows this one when its reader has cancelled the question for credentials. All others that a login
          // may end with are shown to admins only.
          code: code === 'unauthorized' ? undefined : code,
          requestId: code === 'unauthorized' ? undefined : requestId,
        })
  return { status, headers, body }
}

export function sendAnswer(response: Response, { status, headers, body }: Answer): void {
  response.status(status).set(headers).send(body)
}

/** The problem that an error is to the caller: itself, a client's mistake that Express noticed, or our own failure. */
export function problemFrom(error: unknown): Problem {
  if (error instanceof Problem) return error
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500
  if (!(status >= 400 && status < 500)) return new Problem('internal-error', { cause: error })
  return new Problem(clientMistakes[status] ?? 'invalid-body', { cause: error })
}

const clientMistakes: Record<number, ProblemCode> = {
  404: 'not-found',
  405: 'method-not-allowed',
  413: 'body-too-large',
  415: 'unsupported-media-type',
}

/** The label of a page; whoever asks for JSON where there is none is given plain HTML. */
export function pageType(representation: Representation): string {
  return contentTypes[representation === 'xhtml' ? 'xhtml' : 'html']
}

/** How each representation is labelled. */
export const contentTypes: Record<Representation, string> = {
  json: 'application/json',
  xhtml: 'application/xhtml+xml; charset=utf-8',
  html: 'text/html; charset=utf-8',
}
