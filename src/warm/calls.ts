// Which calls of the warm API are answered. Each leaves one line in the log, whether it is refused, answered or given up.
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import type { Logger } from 'pino'
import type { Admin, Config } from '../config/config.js'
import { createAdmins } from '../http/access/admins.js'
import { accessBy, clientAddress, takesPasswords } from '../http/access/client-rules.js'
import { homePath } from '../http/addresses.js'
import { type Answer, problemAnswer, problemFrom, sendAnswer } from '../http/answers/answer.js'
import { type CallerSignal, signalOf } from '../http/listening/caller-gone.js'
import { clientOf } from '../lib/client-network.js'
import type { Clock } from '../lib/clock.js'
import type { Counts } from '../lib/counts.js'
import { Problem, type ProblemCode } from '../lib/errors.js'
import type { HashQueue } from '../lib/limits/hash-queue.js'
import { countedOnceAMinute } from '../lib/limits/throttle.js'
import { codeOf } from '../lib/log.js'
import { represent } from './answers.js'
import type { CallLimits } from './call-limits.js'
import type { RecentWarms } from './recent-warms.js'

export type CallName = 'warm' | 'resume' | 'logout' | 'sessions'

/** Calls that give a session to a page, which a service that is being stopped refuses. */
const handsOver: ReadonlySet<CallName> = new Set(['warm', 'resume'])

const logged = new WeakSet<Response>()

export const isLogged = (response: Response) => logged.has(response)

export interface Call {
  readonly request: Request
  readonly response: Response
  readonly admin: Admin
  /** Aborts when the connection closes before all of the reply was written to it. */
  readonly signal: CallerSignal
  /** The fields of its line in the log; never a secret. */
  readonly line: Record<string, unknown>
}

/** How a call ended; its problem as the caller was told, which has nothing that the caller has sent. */
interface Outcome extends Partial<Pick<Problem, 'step' | 'condition' | 'detail'>> {
  /** `client-gone` where the caller closed the connection before its reply. */
  readonly code: ProblemCode | 'ok' | 'client-gone'
  readonly cause?: string | undefined
}

export interface FinishedCall extends Pick<Outcome, 'code' | 'step'> {
  readonly call: CallName
  readonly seconds: number
}

export interface CallsParts {
  readonly config: Config
  readonly log: Logger
  /** Takes the lines of calls that change sessions, and of those that were refused. */
  readonly audit: Logger
  readonly clock: Pick<Clock, 'now'>
  /** Hashes admins' secrets, in turn with all other hashes of this process. */
  readonly hashes: HashQueue
  /** How many calls there may be, at all hosts together. */
  readonly limits: CallLimits
  readonly counts: Counts
  readonly recentWarms: RecentWarms
  /** Called with the outcome of each call that was admitted. */
  readonly onCall: (call: FinishedCall) => void
  readonly isStopping: () => boolean
}

/** Admits and answers calls; one for all paths, so that an admin is known to all of them. */
export function createCalls(parts: CallsParts) {
  const { config, log, audit, clock, hashes, limits, counts, recentWarms, onCall, isStopping } = parts
  const home = homePath(config.externalUrl)
  const mayCall = accessBy(config.access.warm)
  const isSafe = takesPasswords(config)
  const streamOf = (isAudited: boolean) => (isAudited ? audit : log)
  const aboutOf = (request: Request) => ({
    requestId: request.res!.get('X-Request-Id'),
    address: clientAddress(request, config),
  })
  const admins = createAdmins({
    config,
    clock,
    hashes,
    failures: limits.failures,
    refuse(request, attempt) {
      const line = { code: 'unauthorized', admin: attempt?.admin }
      if (attempt === undefined) logOften(request, log, line, 'warm')
      else {
        counts.failedAdminLogins += 1
        audit.info({ ...line, ...aboutOf(request) }, 'admin login')
      }
      const about = { requestId: aboutOf(request).requestId, home }
      const answer = problemAnswer(new Problem('unauthorized'), represent(request, config.warmPath), about)
      request.res!.set(answer.headers)
      return answer.body
    },
  })

  const untold = countedOnceAMinute<string>(clock)
  /** Logs events that anybody can cause: once a minute for each code, client and admin, with their `count`. */
  const logOften = (
    request: Request,
    stream: Logger,
    line: { readonly code: string; readonly admin: string | undefined },
    what: string,
  ) => {
    const client = clientOf(clientAddress(request, config))
    const count = untold(`${line.code} ${client} ${line.admin}`)
    if (count === undefined) log.debug({ ...line, ...aboutOf(request) }, what)
    else stream.info({ ...line, ...aboutOf(request), count }, what)
  }

  const refused: ErrorRequestHandler = (error, request, response, next) => {
    const problem = problemFrom(error)
    // Before it is known who calls, too many requests are too many wrong passwords.
    const isGuess = problem.code === 'too-many-requests'
    if (isGuess) counts.failedAdminLogins += 1
    const admin = isGuess ? admins.claimed(request) : undefined
    // A method that does not exist changes nothing.
    const stream = streamOf(problem.code !== 'method-not-allowed')
    logOften(request, stream, { ...outcomeOf(problem), admin }, isGuess ? 'admin login' : 'warm')
    logged.add(response)
    next(error)
  }

  return {
    adminOf: (request: Request) => admins.of(request),
    /**
     * Lets calls with these methods pass that come from admins, from allowed addresses, over encrypted channels. Answers
     * OPTIONS, and logs all other calls and passes their problem on.
     */
    admit(...methods: readonly string[]): [RequestHandler, ErrorRequestHandler] {
      const allowed = [...methods, 'OPTIONS'].join(', ')
      // One handler for all checks: each further one costs Express as much as a check itself.
      const check: RequestHandler = (request, response, next) => {
        // Replies carry a session's secret, which no cache on the way may keep.
        response.vary('Accept').set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' })
        if (mayCall?.(clientAddress(request, config)) === false) throw new Problem('address-forbidden')
        if (!methods.includes(request.method)) {
          response.set('Allow', allowed)
          if (request.method !== 'OPTIONS') throw new Problem('method-not-allowed')
          response.status(204).end()
          return
        }
        // Before the 401: a browser that is challenged here would send the secret unencrypted.
        if (!isSafe(request)) {
          throw new Problem('insecure-channel', {
            detail:
              'Call over TLS, listen on a loopback address, or set ASSUME_SECURE behind a proxy that ends TLS.',
          })
        }
        admins.authenticate(request, response, next)
      }
      return [check, refused]
    },
    /**
     * Makes a handler of a function that answers a call. What that throws goes on to the app's error handler, unless
     * `tell` has an answer of its own for people who can mend what they sent.
     */
    answering:
      (
        name: CallName,
        answer: (call: Call) => void | Promise<void>,
        tell: (problem: Problem, call: Call) => Answer | undefined = () => undefined,
      ): RequestHandler =>
      async (request, response) => {
        const started = clock.now()
        const admin = admins.of(request)
        const line: Record<string, unknown> = {
          admin: admin.name,
          ...aboutOf(request),
        }
        const signal = signalOf(request, response)
        const call: Call = { request, response, admin, signal, line }
        let outcome: Outcome = { code: 'client-gone' }
        counts.calls += 1
        const isTooLate = () => handsOver.has(name) && isStopping()
        try {
          if (isTooLate()) throw new Problem('shutting-down')
          await answer(call)
          if (!signal.aborted) outcome = { code: 'ok' }
        } catch (error) {
          if (signal.aborted) return
          const told = problemFrom(error)
          // What fails while the service is being stopped fails because of that.
          const isBrokenOff = told.status >= 500 && isTooLate()
          const problem = isBrokenOff ? new Problem('shutting-down', { step: told.step }) : told
          if (problem.status >= 500) counts.failedCalls += 1
          outcome = outcomeOf(problem)
          const answerOfItsOwn = problem.code === 'internal-error' ? undefined : tell(problem, call)
          if (answerOfItsOwn === undefined) throw isBrokenOff ? problem : error
          sendAnswer(response, answerOfItsOwn)
        } finally {
          const ms = clock.now() - started
          streamOf(name !== 'sessions').info(Object.assign(line, outcome, { ms: Math.round(ms) }), name)
          logged.add(response)
          if (name === 'warm') recentWarms.add(outcome.code, ms)
          onCall({ call: name, code: outcome.code, step: outcome.step, seconds: ms / 1000 })
        }
      },
  }
}

function outcomeOf({ code, step, condition, detail, cause }: Problem): Outcome {
  return { code, step, condition, detail, cause: codeOf(cause) }
}
