import type { ErrorRequestHandler, Request } from 'express'
import { homePath } from '../http/addresses.js'
import { problemAnswer, problemFrom, sendAnswer } from '../http/answer.js'
import { clientAddress } from '../http/client-rules.js'
import { bodyFormat } from '../http/read-body.js'
import { traceOf } from '../log.js'
import { represent } from './answers.js'
import { type CallsParts, isLogged } from './calls.js'

export type ProblemParts = Pick<CallsParts, 'config' | 'log' | 'counts'>

/** Answers whatever a route throws, and logs it where the warm API has not. */
export function createProblemHandler({ config, log, counts }: ProblemParts): ErrorRequestHandler {
  const home = homePath(config.externalUrl)
  // Express takes a function of four parameters for an error handler. Its own would show the error to the client.
  return (error, request, response, _next) => {
    const requestId = response.get('X-Request-Id')
    try {
      const problem = problemFrom(error)
      if (problem.code === 'internal-error') {
        counts.faults += 1
        log.error({ requestId, ...traceOf(problem.cause ?? error) }, 'failed')
      } else if (!isLogged(response)) {
        log.info({ requestId, code: problem.code, address: clientAddress(request, config) }, 'refused')
      }
      if (response.headersSent) {
        response.destroy()
        return
      }
      const form = isPostedForm(request, config.warmPath) ? home + config.warmPath : undefined
      const representation = represent(request, config.warmPath)
      const answer = problemAnswer(problem, representation, { requestId, home, form })
      sendAnswer(response.vary('Accept'), answer)
    } catch (failure) {
      log.error({ requestId, ...traceOf(failure) }, 'failed')
      if (response.headersSent) response.destroy()
      else response.status(500).end()
    }
  }
}

/** Whether a browser has posted the form: its error page links back to it. Programs that post a form need no link. */
function isPostedForm({ method, path, headers }: Request, warmPath: string): boolean {
  const isBrowser = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
  return method === 'POST' && path === warmPath && isBrowser && bodyFormat(headers['content-type']) === 'form'
}
