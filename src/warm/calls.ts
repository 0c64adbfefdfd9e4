import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import type { Logger } from 'pino'
import type { Admin, Config } from '../config/config.js'
import { noteOf } from '../forwarding/peer-listener.js'
import { Admins, adminOf } from '../http/access/admins.js'
import {
  accessBy,
  type ClientRules,
  clientAddress,
  hasCertificate,
  takesPasswords,
} from '../http/access/client-rules.js'
import { type Answer, callIdsOf, problemAnswer, problemFrom, sendAnswer } from '../http/answers/answer.js'
import { type NavigationPage, publicNavigation } from '../http/answers/navigation.js'
import type { Representation } from '../http/answers/negotiation.js'
import { methodNotAllowed } from '../http/answers/pages.js'
import { type CallerSignal, signalOf } from '../lib/caller-gone.js'
import { clientOf } from '../lib/client-network.js'
import type { Clock } from '../lib/clock.js'
import type { Counts } from '../lib/counts.js'
import { Problem, type ProblemCode } from '../lib/errors.js'
import type { LogOften } from '../lib/limits/minute-sums.js'
import type { WorkQueue } from '../lib/limits/work-queue.js'
import { codeOf } from '../lib/log.js'
import { foreignList, foreignText } from '../lib/text/foreign-text.js'
import { allowsDomain, withULabels } from '../xmpp/jid/domains.js'
import { represent } from './answers.js'
import type { CallLimits } from './call-limits.js'
import type { LastHour } from './numbers/last-hour.js'

const readCalls = ['sessions', 'numbers', 'failures', 'audit'] as const

type CallName = 'warm' | 'connect' | 'resume' | 'logout' | (typeof readCalls)[number]

const isRead = (call: CallName) => readCalls.some(each => each === call)

const handsOver: ReadonlySet<CallName> = new Set(['warm', 'connect', 'resume'])

export const logged = new WeakSet<Response>()

/** True for requests of `live.js`. */
export const isUpdate = ({ headers }: Pick<Request, 'headers'>): boolean => headers['x-live'] !== undefined

export interface Call {
  readonly request: Request
  readonly response: Response
  readonly admin: Admin
  readonly representation: Representation
  readonly signal: CallerSignal
  /** Unix time in milliseconds, in the process that the client called. */
  readonly begunAt: number
  /** For the log, without secrets. */
  readonly line: Record<string, unknown>
  /** Another process answers the call, and logs it. */
  isAnsweredElsewhere?: boolean
  /** The body, if it is the form of this service. */
  form?: Buffer
}

type Outcome = Partial<Omit<ReturnType<typeof outcomeOf>, 'code'>> & {
  readonly code: ProblemCode | 'ok' | 'client-gone'
}

export interface FinishedCall extends Pick<Outcome, 'code' | 'step'> {
  readonly call: CallName
  /** Undefined for a call that was refused before it began. */
  readonly seconds?: number
}

export interface AnsweringParts {
  readonly log: Logger
  readonly httpLog: Logger
  readonly audit: Logger
  readonly clock: Clock
  readonly logOften: LogOften
  readonly counts: Counts
  readonly lastHour: Pick<LastHour, 'add'>
  readonly onCall: (call: FinishedCall) => void
  readonly isStopping: () => boolean
}

export function createCalls(config: Config, hashes: WorkQueue, limits: CallLimits, answering: AnsweringParts) {
  const { log, audit, clock, counts } = answering
  const mayCall = accessBy(config.access.warm)
  const isSafe = takesPasswords(config)
  const isCertificateNeeded = config.https !== undefined && config.https.clientAuth !== 'off'
  const logOften = createOftenLog(config, answering)
  const admins = new Admins({
    config,
    clock,
    hashes,
    keys: limits.keys,
    failures: limits.adminSecrets,
    refuse(request, attempt) {
      const line = { code: 'unauthorized', setting: 'ADMIN_USERS, ADMIN_USERS_FILE', admin: attempt?.admin }
      if (attempt === undefined) logOften(request, log, line, 'warm')
      else {
        counts.failedAdminLogins += 1
        if (attempt.isRepeated) logOften(request, audit, line, 'admin login')
        else audit.info({ ...line, ...aboutOf(request, config) }, 'admin login')
      }
      const detail = 'HTTP Basic is needed, with an account of ADMIN_USERS or ADMIN_USERS_FILE.'
      const problem = new Problem('unauthorized', { detail })
      const { requestId } = callIdsOf(request)
      const bar = publicNavigation(config)
      const path = request.method === 'POST' ? config.warmPath : request.baseUrl + request.path
      const back = { href: bar.home + path, text: 'Sign in' }
      const answer = problemAnswer(problem, represent(request, config.warmPath), { requestId, navigation: bar, back })
      request.res!.set(answer.headers)
      return answer.body
    },
  })

  const refused: ErrorRequestHandler = (error, request, response, next) => {
    const problem = problemFrom(error)
    // Here, `too-many-requests` always means wrong secrets.
    const isGuess = problem.code === 'too-many-requests'
    if (isGuess) counts.failedAdminLogins += 1
    const admin = isGuess ? admins.claimed(request) : undefined
    const stream = problem.code === 'method-not-allowed' ? log : audit
    logOften(request, stream, { ...outcomeOf(problem), admin }, isGuess ? 'admin login' : 'warm')
    logged.add(response)
    next(error)
  }

  return {
    admit(...methods: readonly string[]): [RequestHandler, ErrorRequestHandler] {
      const allowed = [...methods, 'OPTIONS'].join(', ')
      const check: RequestHandler = (request, response, next) => {
        response.vary('Accept').set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' })
        if (mayCall?.(clientAddress(request, config)) === false)
          throw new Problem('address-forbidden', { setting: 'WARM_ALLOW' })
        if (!methods.includes(request.method)) {
          response.set('Allow', allowed)
          if (request.method !== 'OPTIONS') throw methodNotAllowed(allowed)
          response.status(204).end()
          return
        }
        // Calls over an unencrypted network get no 401, because browsers answer a 401 with the secret.
        if (!isSafe(request)) {
          throw new Problem('insecure-channel', {
            setting: 'ASSUME_SECURE',
            detail: 'Call over TLS, listen on a loopback address, or set ASSUME_SECURE behind a proxy that ends TLS.',
          })
        }
        if (isCertificateNeeded && !hasCertificate(request))
          throw new Problem('client-certificate-required', { setting: 'TLS_CLIENT_AUTH' })
        admins.authenticate(request, response, next)
      }
      return [check, refused]
    },
    answering: createAnswering(config, answering, request => ({
      admin: adminOf(request)!,
      representation: represent(request, config.warmPath),
    })),
  }
}

export const roleAllows = ({ role }: Admin, call: CallName) => role === 'all' || (role === 'read') === isRead(call)

export function hiddenFrom(admin: Admin): readonly NavigationPage[] {
  const hidden = (['warm', ...readCalls] as const).filter(call => !roleAllows(admin, call))
  return hidden.map(call => (call === 'warm' ? 'form' : call))
}

export function demandRole(admin: Admin, call: CallName, detail = ''): void {
  if (roleAllows(admin, call)) return
  throw new Problem('role-forbidden', { detail: `Its role: ${admin.role}.${detail}` })
}

export function demandDomain({ domains }: Admin, domain: string): void {
  if (allowsDomain(domains, domain)) return
  throw new Problem('forbidden', {
    detail: `Its domains in ADMIN_USERS_FILE: ${foreignList(domains.map(withULabels))}.`,
  })
}

const aboutOf = (request: Request, config: ClientRules) => ({
  ...callIdsOf(request),
  address: clientAddress(request, config),
})

/** Logs lines of equal cause, client and admin once a minute. */
export function createOftenLog(config: ClientRules, { log, logOften }: Pick<AnsweringParts, 'log' | 'logOften'>) {
  return (
    request: Request,
    stream: Logger,
    line: { readonly code: string; readonly admin: string | undefined },
    what: string,
    cause = line.code,
  ) => {
    const client = clientOf(clientAddress(request, config))
    const about = { ...line, ...aboutOf(request, config) }
    if (!logOften(`${what} ${cause} ${client} ${line.admin}`, stream, about, what)) log.debug(about, what)
  }
}

/** In place of a page with an error, `onProblem` can return another, such as the form with its mistakes. */
export function createAnswering(
  config: ClientRules,
  parts: AnsweringParts,
  callerOf: (request: Request) => Pick<Call, 'admin' | 'representation'>,
) {
  const { log, audit, clock, lastHour, onCall, isStopping } = parts
  const logOften = createOftenLog(config, parts)
  const note = (call: Call, name: CallName, outcome: Outcome, started: number): void => {
    const { request, line } = call
    const ms = clock.now() - started
    const stream = isRead(name) ? log : audit
    const told = Object.assign(line, outcome, { admin: call.admin.name, ms: Math.round(ms) })
    // Any page can cause these.
    if (line['ended'] === 0 && !line['elsewhere']) logOften(request, stream, told, name, `nothing ended ${line['jid']}`)
    else stream[isRead(name) && isUpdate(request) ? 'debug' : 'info'](told, name)
    if (name === 'warm' || name === 'connect') lastHour.add(outcome.code, ms)
    onCall({ call: name, code: outcome.code, step: outcome.step, seconds: ms / 1000 })
  }
  return (
    name: CallName,
    answer: (call: Call) => Promise<Answer | undefined>,
    onProblem: (problem: Problem, call: Call) => Answer | undefined | Promise<Answer | undefined> = () => undefined,
  ): RequestHandler =>
    async (request, response) => {
      const started = clock.now()
      const { admin, representation } = callerOf(request)
      const line = { admin: admin.name, ...aboutOf(request, config) }
      const signal = signalOf(request, response)
      const begunAt = Number(noteOf(request) ?? Date.now())
      const call: Call = { request, response, admin, representation, signal, begunAt, line }
      let outcome: Outcome = { code: 'client-gone' }
      const isTooLate = () => handsOver.has(name) && isStopping()
      try {
        if (isTooLate()) throw new Problem('shutting-down')
        if (name !== 'sessions') demandRole(admin, name)
        const answered = await answer(call)
        if (answered !== undefined) sendAnswer(response, answered)
        if (!signal.aborted) outcome = { code: 'ok' }
      } catch (error) {
        if (signal.aborted || call.isAnsweredElsewhere === true) return
        const cause = problemFrom(error)
        const isStopped = cause.status >= 500 && cause.code !== 'internal-error' && isTooLate()
        const problem = isStopped ? new Problem('shutting-down', { step: cause.step }) : cause
        outcome = outcomeOf(problem)
        const isUsual = representation === 'json' || problem.code === 'internal-error'
        const page = isUsual ? undefined : await onProblem(problem, call)
        if (page === undefined) throw isStopped ? problem : error
        sendAnswer(response, page)
      } finally {
        logged.add(response)
        if (call.isAnsweredElsewhere !== true) note(call, name, outcome, started)
      }
    }
}

export function outcomeOf({ code, step, condition, detail, setting, cause, server }: Problem) {
  return { code, step, condition, detail, setting, cause: codeOf(cause), server: server && foreignText(server) }
}
