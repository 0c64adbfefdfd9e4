import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import type { Logger } from 'pino'
import type { Admin, Config } from '../config/config.js'
import type { Counts } from '../counts.js'
import { Problem, type ProblemCode, type Step } from '../errors.js'
import { accessBy } from '../http/access.js'
import { homePath } from '../http/addresses.js'
import { createAdmins } from '../http/admins.js'
import { problemAnswer, problemFrom } from '../http/answer.js'
import { clientAddress, takesPasswords } from '../http/client.js'
import type { Clock } from '../lib/clock.js'
import type { HashQueue } from '../lib/hash-queue.js'
import { codeOf } from '../log.js'
import type { CallLimits } from './call-limits.js'
import { Departure, type Gone } from './departure.js'
import { represent } from './representation.js'

/** What a call is named in the log. */
export type CallName = 'warm' | 'resume' | 'logout' | 'sessions'

/** What changes a session, so that it is asked one day who did. */
const audited: ReadonlySet<CallName> = new Set(['warm', 'resume', 'logout'])

/** What hands a session to a page, which a service that stops has none for. */
const handsOver: ReadonlySet<CallName> = new Set(['warm', 'resume'])

/** Responses that the log has a line of, with the problem if it is one. */
const haveLine = new WeakSet<Response>()

/** Whether the log says of a response all that there is to say. */
export function hasLine(response: Response): boolean {
  return haveLine.has(response)
}

/** A call that an admin has made. */
export interface Call {
  readonly request: Request
  readonly response: Response
  readonly admin: Admin
  /** Aborts when the connection closes before the whole reply was handed over to it. */
  readonly gone: Gone
  /** What the log will say of it; never a secret. */
  readonly line: Record<string, unknown>
}

/** How a call ended; whoever hung up before was told nothing. */
interface Outcome {
  readonly code: ProblemCode | 'ok' | 'client-gone'
  readonly step?: Step | undefined
  /** The XMPP server's own condition. */
  readonly condition?: string | undefined
  /** What the caller was told beside the code; never what the caller has sent. */
  readonly detail?: string | undefined
  /** The code of what went wrong beneath. */
  readonly cause?: string | undefined
}

/** A call that is over. */
export interface FinishedCall extends Pick<Outcome, 'code' | 'step'> {
  readonly call: CallName
  readonly seconds: number
}

/** What every call of the warm API passes before it is answered, and where it leaves its line in the log. */
export interface Gate {
  /**
   * Lets calls with these methods through, of admins, from addresses that may call, over channels that nobody listens in
   * on; answers OPTIONS.
   */
  admit(methods: readonly string[]): (RequestHandler | ErrorRequestHandler)[]
  /** The admin whose request has been let through. */
  adminOf(request: Request): Admin
  /** Makes a handler of what answers a call. Whatever that throws goes on to the app's error handler. */
  answering(name: CallName, answer: (call: Call) => void | Promise<void>): RequestHandler
}

export interface GateParts {
  readonly config: Config
  readonly log: Logger
  readonly clock: Pick<Clock, 'now'>
  /** Where admins' secrets are hashed, in turn with all other hashes of this process. */
  readonly hashes: HashQueue
  readonly limits: CallLimits
  readonly counts: Counts
  /** Called with the outcome of each call that was let through. */
  readonly onCall: (call: FinishedCall) => void
  /** Whether the service is on its way to its end. */
  readonly isStopping: () => boolean
}

/** One gate for all paths, so that an admin is known to all of them. */
export function createGate(parts: GateParts): Gate {
  const { config, log, clock, hashes, limits, counts, onCall, isStopping } = parts
  const home = homePath(config.externalUrl)
  const mayCall = accessBy(config.access.warm)
  const isSafe = takesPasswords(config)
  const admins = createAdmins({
    admins: config.admins,
    clock,
    hashes,
    failures: limits.failures,
    addressOf: request => clientAddress(request, config),
    refuse: (request, attempt) => {
      const response = request.res!
      const requestId = response.get('X-Request-Id')
      const line = { requestId, code: 'unauthorized', address: clientAddress(request, config) }
      if (attempt === undefined) log.info(line, 'warm')
      else {
        counts.failedAdminLogins += 1
        log.info({ audit: true, ...line, admin: attempt.admin }, 'admin login')
      }
      const answer = problemAnswer(new Problem('unauthorized'), represent(request, config.warmPath), {
        requestId,
        home,
      })
      response.set(answer.headers)
      return answer.body
    },
  })

  /** One handler for all that is to be asked: each one more costs as much as what it asks. */
  const admit = (methods: readonly string[]): RequestHandler => {
    const allowed = [...methods, 'OPTIONS'].join(', ')
    return (request, response, next) => {
      setHeaders(response)
      if (mayCall?.(clientAddress(request, config)) === false) throw new Problem('address-forbidden')
      if (!methods.includes(request.method)) return answerMethod(request, response, allowed)
      // Before the 401: a browser that is challenged here would send the secret in the clear.
      if (!isSafe(request)) {
        throw new Problem('insecure-channel', {
          detail:
            'Call over TLS, listen on a loopback address, or set ASSUME_SECURE behind a proxy that ends TLS.',
        })
      }
      admins.authenticate(request, response, next)
    }
  }

  /** Of what does not come as far as to be answered. */
  const logRefusal: ErrorRequestHandler = (error, request, response, next) => {
    const problem = problemFrom(error)
    // Nothing else is refused so before it is known who calls.
    const isGuess = problem.code === 'too-many-requests'
    if (isGuess) counts.failedAdminLogins += 1
    log.info(
      {
        // A method that there is not changes nothing, whoever asks for it.
        audit: problem.code !== 'method-not-allowed' || undefined,
        requestId: response.get('X-Request-Id'),
        ...outcomeOf(problem),
        address: clientAddress(request, config),
      },
      isGuess ? 'admin login' : 'warm',
    )
    haveLine.add(response)
    next(error)
  }

  return {
    admit: methods => [admit(methods), logRefusal],
    adminOf: request => admins.of(request),
    answering: (name, answer) => async (request, response) => {
      const started = clock.now()
      const admin = admins.of(request)
      const line: Record<string, unknown> = {
        audit: audited.has(name) || undefined,
        requestId: response.get('X-Request-Id'),
        admin: admin.name,
        address: clientAddress(request, config),
      }
      const gone = whenGone(request, response)
      let outcome: Outcome = { code: 'client-gone' }
      counts.calls += 1
      const isTooLate = () => handsOver.has(name) && isStopping()
      try {
        if (isTooLate()) throw new Problem('shutting-down')
        await answer({ request, response, admin, gone, line })
        if (!gone.aborted) outcome = { code: 'ok' }
      } catch (error) {
        if (gone.aborted) return
        const told = problemFrom(error)
        // What fails under a service that stops fails because it does.
        const isBrokenOff = told.status >= 500 && isTooLate()
        const problem = isBrokenOff ? new Problem('shutting-down', { step: told.step }) : told
        if (problem.status >= 500) counts.failedCalls += 1
        outcome = outcomeOf(problem)
        throw isBrokenOff ? problem : error
      } finally {
        const ms = clock.now() - started
        log.info(Object.assign(line, outcome, { ms: Math.round(ms) }), name)
        haveLine.add(response)
        onCall({ call: name, code: outcome.code, step: outcome.step, seconds: ms / 1000 })
      }
    },
  }
}

/** The replies carry a session's secret: nothing on the way may keep, guess at or pass on any of it. */
function setHeaders(response: Response): void {
  response.vary('Accept').set({
    'Cache-Control': 'no-store',
    Pragma: 'no-cache',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  })
}

/** Says which methods there are. */
function answerMethod({ method }: Request, response: Response, allowed: string): void {
  response.set('Allow', allowed)
  if (method !== 'OPTIONS') throw new Problem('method-not-allowed')
  response.status(204).end()
}

/** Aborts when the connection closes before the whole reply was handed over to it; it may be closed already. */
function whenGone({ socket }: Request, response: Response): Gone {
  const departure = new Departure()
  const judge = () => {
    socket.off('close', judge)
    if (!response.writableFinished) departure.abort()
  }
  if (socket.destroyed) judge()
  else {
    // A response that waits behind another on the same connection does not hear of the end itself.
    socket.once('close', judge)
    response.once('close', judge)
  }
  return departure
}

/** What the log says of a problem. */
function outcomeOf({ code, step, condition, detail, cause }: Problem): Outcome {
  return { code, step, condition, detail, cause: codeOf(cause) }
}
