import { STATUS_CODES } from 'node:http'
import type { Request, RequestHandler, Response } from 'express'
import { Problem, type ProblemCode, problems } from '../../lib/errors.js'
import { advice } from './advice.js'
import { negotiate, type Representation } from './negotiation.js'
import { renderPage } from './pages.js'

/** A reply, apart from what Express adds. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Statuses after which the same call may succeed a little later. */
export const passingStatuses: ReadonlySet<number> = new Set([429, 503])

/** `Retry-After` where a problem with such a status has none of its own, in seconds. */
const usualRetryAfter = 5

/** What an error page knows besides the problem. */
export interface ProblemContext {
  /** The request's id in the log. */
  readonly requestId: string | undefined
  /** The path before our own addresses. */
  readonly home: string
  /** A page to go on from, and what its link says. */
  readonly back?: { readonly href: string; readonly text: string } | undefined
}

/** The same problem as an error page or as RFC 9457's problem details. */
export function problemAnswer(
  problem: Problem,
  representation: Representation,
  { requestId, home, back }: ProblemContext,
): Answer {
  const { status, code, step, condition } = problem
  const title = STATUS_CODES[status]!
  const detail = detailOf(problem)
  const instance = requestId === undefined ? undefined : `urn:uuid:${requestId}`
  const body =
    representation === 'json'
      ? JSON.stringify({ type: 'about:blank', title, status, detail, code, step, condition, instance })
      : renderPage('error', {
          title,
          home,
          back,
          detail,
          advice: advice[code],
          // Browsers show this page to users who cancel the question for credentials. All others that a call may end
          // with are shown to admins only.
          code: code === 'unauthorized' ? undefined : code,
          requestId: code === 'unauthorized' ? undefined : requestId,
        })
  return { status, headers: problemHeaders(problem, representation), body }
}

/** What went wrong, in words: the sentence of the table, and what is known beyond it. */
export function detailOf({ code, detail }: Problem): string {
  return [problems[code].sentence, detail].filter(Boolean).join(' ')
}

/** The headers of an answer that tells of a problem. */
export function problemHeaders(
  { status, retryAfterSeconds }: Problem,
  representation: Representation,
): Record<string, string> {
  const type = representation === 'json' ? 'application/problem+json' : contentTypes[representation]
  if (retryAfterSeconds === undefined && !passingStatuses.has(status)) return { 'Content-Type': type }
  return { 'Content-Type': type, 'Retry-After': String(retryAfterSeconds ?? usualRetryAfter) }
}

/** A success in JSON. */
export function jsonAnswer(value: object): Answer {
  return { status: 200, headers: { 'Content-Type': contentTypes.json }, body: JSON.stringify(value) }
}

/** A success as a page. */
export function pageAnswer(view: string, values: object, representation: Representation): Answer {
  const headers = { 'Content-Type': contentTypes[representation] }
  return { status: 200, headers, body: renderPage(view, values) }
}

/** Answers with a page; in HTML where the client asks for JSON, since there is none. */
export function sendPage({ headers }: Request, response: Response, view: string, values: object): void {
  const representation = negotiate(headers) === 'xhtml' ? 'xhtml' : 'html'
  sendAnswer(response.vary('Accept'), pageAnswer(view, values, representation))
}

export function sendAnswer(response: Response, { status, headers, body }: Answer): void {
  response.status(status).set(headers).send(body)
}

/** Answers with a document that is always the same; where there is none, with 404. */
export function publish(contentType: string, body: string | undefined): RequestHandler {
  const headers = { 'Content-Type': contentType, 'Cache-Control': 'no-cache' }
  // Express would convert a text to a buffer for each client.
  const content = body === undefined ? undefined : Buffer.from(body)
  return (_request, response) => {
    if (content === undefined) throw new Problem('not-found')
    response.set(headers).send(content)
  }
}

/** What the caller is told of an error: a `Problem` itself, a mistake of the client that Express noticed, or a failure of ours. */
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

/** The `Content-Type` of each representation. */
export const contentTypes: Record<Representation, string> = {
  json: 'application/json',
  xhtml: 'application/xhtml+xml; charset=utf-8',
  html: 'text/html; charset=utf-8',
}
