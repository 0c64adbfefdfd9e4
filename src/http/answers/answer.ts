import { STATUS_CODES } from 'node:http'
import type { Request, RequestHandler, Response } from 'express'
import { type CallIds, traceparentFrom } from '../../lib/call-ids.js'
import { Problem, type ProblemCode, problems } from '../../lib/errors.js'
import { advice, headlineOf, pageAdvice } from './advice.js'
import type { Navigation } from './navigation.js'
import { negotiate, type Representation } from './negotiation.js'
import { renderPage } from './pages.js'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const statusesWithRetryAfter: ReadonlySet<number> = new Set([429, 503])

const usualRetrySeconds = 5

interface ProblemContext {
  readonly requestId: string | undefined
  readonly navigation: Navigation
  readonly headline?: string
  readonly back?: { readonly href: string; readonly text: string } | undefined
}

export function problemAnswer(
  problem: Problem,
  representation: Representation,
  { requestId, navigation, back, headline: known }: ProblemContext,
): Answer {
  const { status, code, step, condition } = problem
  const { retry } = problems[code]
  const title = STATUS_CODES[status]!
  const [headline, rest] = headlineOf(code)
  const detail = detailOf(problem)
  const instance = requestId === undefined ? undefined : instanceOf(requestId)
  const facts = { title, status, detail, code, advice: advice[code], retry, step, condition, instance }
  const body =
    representation === 'json'
      ? JSON.stringify({ type: 'about:blank', ...facts })
      : renderPage('error', {
          title,
          headline: known ?? headline,
          home: navigation.home,
          navigation,
          back,
          detail: joined(rest, problem.quote, problem.detail),
          advice: pageAdvice[code],
          retry: retry && whenToRetry(problem),
          code: code === 'unauthorized' ? undefined : code,
          requestId: code === 'unauthorized' ? undefined : requestId,
        })
  return { status, headers: problemHeaders(problem, representation), body }
}

/** RFC 9457 §3.1.5: a URI reference. */
const instanceOf = (requestId: string) =>
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(requestId)
    ? `urn:uuid:${requestId}`
    : encodeURIComponent(requestId)

export const callIdsOf = (request: Request): CallIds => ({
  requestId: request.res!.get('X-Request-Id')!,
  traceparent: traceparentFrom(request.get('traceparent')),
})

export function detailOf({ code, quote, detail }: Problem): string {
  return joined(problems[code].sentence, quote, detail)
}

export function pageDetailOf({ code, quote, detail }: Problem): string {
  const [headline, rest] = headlineOf(code)
  return joined(`${headline}.`, rest, quote, detail)
}

const joined = (...sentences: readonly (string | undefined)[]) => sentences.filter(Boolean).join(' ')

export function pageAdviceOf(problem: Problem): string {
  const { code, retryAfterSeconds } = problem
  if (code !== 'too-many-requests' || retryAfterSeconds === undefined) return pageAdvice[code]
  return `Try again ${whenToRetry(problem)}.`
}

export function problemHeaders(problem: Problem, representation: Representation): Record<string, string> {
  const type = representation === 'json' ? 'application/problem+json' : contentTypes[representation]
  const seconds = secondsToRetry(problem)
  return { 'Content-Type': type, ...(seconds !== undefined && { 'Retry-After': String(seconds) }) }
}

function secondsToRetry({ status, retryAfterSeconds }: Problem): number | undefined {
  return retryAfterSeconds ?? (statusesWithRetryAfter.has(status) ? usualRetrySeconds : undefined)
}

function whenToRetry(problem: Problem): string {
  const seconds = secondsToRetry(problem)
  return seconds === undefined ? 'later' : seconds === 1 ? 'after 1 second' : `after ${seconds} seconds`
}

export function jsonAnswer(value: object): Answer {
  return { status: 200, headers: { 'Content-Type': contentTypes.json }, body: JSON.stringify(value) }
}

export function redirectAnswer(location: string, headers: Answer['headers'] = {}): Answer {
  return { status: 303, headers: { Location: location, ...headers }, body: '' }
}

export const pageType = (representation: Representation): string =>
  contentTypes[representation === 'xhtml' ? 'xhtml' : 'html']

export function pageAnswer(view: string, values: object, representation: Representation): Answer {
  const headers = { 'Content-Type': pageType(representation) }
  return { status: 200, headers, body: renderPage(view, values) }
}

export function sendPage({ headers }: Request, response: Response, view: string, values: object): void {
  sendAnswer(response.vary('Accept'), pageAnswer(view, values, negotiate(headers)))
}

export function sendAnswer(response: Response, { status, headers, body }: Answer): void {
  response.status(status).set(headers).send(body)
}

export function publish(contentType: string, body: string | undefined): RequestHandler {
  const headers = { 'Content-Type': contentType, 'Cache-Control': 'no-cache' }
  const content = body === undefined ? undefined : Buffer.from(body)
  return (_request, response) => {
    if (content === undefined) throw new Problem('not-found')
    response.set(headers).send(content)
  }
}

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

export const contentTypes: Record<Representation, string> = {
  json: 'application/json',
  xhtml: 'application/xhtml+xml; charset=utf-8',
  html: 'text/html; charset=utf-8',
}
