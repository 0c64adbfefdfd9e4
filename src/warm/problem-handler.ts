import type { ErrorRequestHandler, Request } from 'express'
import { clientAddress } from '../http/access/client-rules.js'
import { homePath } from '../http/addresses.js'
import { problemAnswer, problemFrom, sendAnswer } from '../http/answers/answer.js'
import { bodyFormat } from '../http/listening/read-body.js'
import type { ProblemCode } from '../lib/errors.js'
import { countedOnceAMinute } from '../lib/limits/throttle.js'
import { traceOf } from '../lib/log.js'
import { represent } from './answers.js'
import { type CallsParts, isLogged } from './calls.js'

export type ProblemParts = Pick<CallsParts, 'config' | 'log' | 'counts' | 'clock'>

/**
 * Answers and logs every error of a route. Anybody can cause refusals: one line a minute for each code, with
 * a `count`, the rest at `debug`.
 */
export function createProblemHandler({ config, log, counts, clock }: ProblemParts): ErrorRequestHandler {
  const home = homePath(config.externalUrl)
  const untold = countedOnceAMinute<ProblemCode>(clock)
  // Express recognises an error handler by its four parameters.
  return (error, request, response, _next) => {
    const requestId = response.get('X-Request-Id')
    try {
      const problem = problemFrom(error)
      if (problem.code === 'internal-error') {
        counts.faults += 1
        log.error({ requestId, ...traceOf(problem.cause ?? error) }, 'failed')
      } else if (!isLogged(response)) {
        const about = { requestId, code: problem.code, address: clientAddress(request, config) }
        const count = untold(problem.code)
        if (count === undefined) log.debug(about, 'refused')
        else log.info({ ...about, count }, 'refused')
      }
      if (response.headersSent) {
        response.destroy()
        return
      }
      const back = wayBack(request, problem.code, config.warmPath, home)
      const representation = represent(request, config.warmPath)
      const answer = problemAnswer(problem, representation, { requestId, home, back })
      sendAnswer(response.vary('Accept'), answer)
    } catch (failure) {
      log.error({ requestId, ...traceOf(failure) }, 'failed')
      if (response.headersSent) response.destroy()
      else response.status(500).end()
    }
  }
}

/** The link of an error page. */
function wayBack(request: Request, code: ProblemCode, warmPath: string, home: string) {
  const form = home + warmPath
  if (isPostedForm(request, warmPath)) return { href: form, text: 'Back to the form' }
  if (code === 'unauthorized' || code === 'misdirected-request') return undefined
  if (request.path.startsWith(`${warmPath}/`)) return { href: `${form}/sessions`, text: 'All sessions' }
  return { href: `${home}/`, text: 'Front page' }
}

/** Programs that post a form need no link. */
function isPostedForm({ method, path, headers }: Request, warmPath: string): boolean {
  const isBrowser = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
  return method === 'POST' && path === warmPath && isBrowser && bodyFormat(headers['content-type']) === 'form'
}
