// Every call of the warm API leaves one line in the log, whether it is refused, answered or given up.
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import type { Logger } from 'pino'
import type { Admin, Config } from '../config/config.js'
import type { Counts } from '../counts.js'
import { Problem, type ProblemCode, type Step } from '../errors.js'
import { problemFrom } from '../http/answer.js'
import { type CallerSignal, signalOf } from '../http/caller-gone.js'
import { clientAddress } from '../http/client.js'
import type { Clock } from '../lib/clock.js'
import { codeOf } from '../log.js'

/** The name of a call in the log. */
export type CallName = 'warm' | 'resume' | 'logout' | 'sessions'

/** Calls that change sessions: their lines are marked for auditing. */
const audited: ReadonlySet<CallName> = new Set(['warm', 'resume', 'logout'])

/** Calls that give a session to a page, which a service that is being stopped refuses. */
const handsOver: ReadonlySet<CallName> = new Set(['warm', 'resume'])

/** Responses that have a line in the log already. */
const logged = new WeakSet<Response>()

/** Whether a response has a line in the log already. */
export function isLogged(response: Response): boolean {
  return logged.has(response)
}

/** A call that an admin has made. */
export interface Call {
  readonly request: Request
  readonly response: Response
  readonly admin: Admin
  /** Aborts when the connection closes before all of the reply was written to it. */
  readonly signal: CallerSignal
  /** The fields of its line in the log; never a secret. */
  readonly line: Record<string, unknown>
}

/** How a call ended. */
interface Outcome {
  /** `client-gone` where the caller closed the connection before its reply. */
  readonly code: ProblemCode | 'ok' | 'client-gone'
  readonly step?: Step | undefined
  /** The XMPP server's own condition. */
  readonly condition?: string | undefined
  /** What the caller was told beside the code; never what the caller has sent. */
  readonly detail?: string | undefined
  /** The code of the error beneath. */
  readonly cause?: string | undefined
}

/** A call that is over. */
export interface FinishedCall extends Pick<Outcome, 'code' | 'step'> {
  readonly call: CallName
  readonly seconds: number
}

export interface CallsParts {
  readonly config: Config
  readonly log: Logger
  readonly clock: Pick<Clock, 'now'>
  readonly counts: Counts
  /** The admin whose request has been admitted. */
  readonly adminOf: (request: Request) => Admin
  /** Called with the outcome of each call that was admitted. */
  readonly onCall: (call: FinishedCall) => void
  /** Whether the service is being stopped. */
  readonly isStopping: () => boolean
}

export interface Calls {
  /** Logs a call that was not admitted, and passes its problem on. */
  readonly logRefusal: ErrorRequestHandler
  /** Makes a handler of a function that answers a call. What that throws goes on to the app's error handler. */
  answering(name: CallName, answer: (call: Call) => void | Promise<void>): RequestHandler
}

export function createCalls(parts: CallsParts): Calls {
  const { config, log, clock, counts, adminOf, onCall, isStopping } = parts
  return {
    logRefusal(error, request, response, next) {
      const problem = problemFrom(error)
      // Before it is known who calls, this is the answer to too many wrong passwords only.
      const isGuess = problem.code === 'too-many-requests'
      if (isGuess) counts.failedAdminLogins += 1
      log.info(
        {
          // A method that does not exist changes nothing.
          audit: problem.code !== 'method-not-allowed' || undefined,
          requestId: response.get('X-Request-Id'),
          ...outcomeOf(problem),
          address: clientAddress(request, config),
        },
        isGuess ? 'admin login' : 'warm',
      )
      logged.add(response)
      next(error)
    },
    answering: (name, answer) => async (request, response) => {
      const started = clock.now()
      const admin = adminOf(request)
      const line: Record<string, unknown> = {
        audit: audited.has(name) || undefined,
        requestId: response.get('X-Request-Id'),
        admin: admin.name,
        address: clientAddress(request, config),
      }
      const signal = signalOf(request, response)
      let outcome: Outcome = { code: 'client-gone' }
      counts.calls += 1
      const isTooLate = () => handsOver.has(name) && isStopping()
      try {
        if (isTooLate()) throw new Problem('shutting-down')
        await answer({ request, response, admin, signal, line })
        if (!signal.aborted) outcome = { code: 'ok' }
      } catch (error) {
        if (signal.aborted) return
        const told = problemFrom(error)
        // What fails while the service is being stopped fails because of that.
        const isBrokenOff = told.status >= 500 && isTooLate()
        const problem = isBrokenOff ? new Problem('shutting-down', { step: told.step }) : told
        if (problem.status >= 500) counts.failedCalls += 1
        outcome = outcomeOf(problem)
        throw isBrokenOff ? problem : error
      } finally {
        const ms = clock.now() - started
        log.info(Object.assign(line, outcome, { ms: Math.round(ms) }), name)
        logged.add(response)
        onCall({ call: name, code: outcome.code, step: outcome.step, seconds: ms / 1000 })
      }
    },
  }
}

function outcomeOf({ code, step, condition, detail, cause }: Problem): Outcome {
  return { code, step, condition, detail, cause: codeOf(cause) }
}
