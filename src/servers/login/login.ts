import type { CallerSignal } from '../../lib/caller-gone.js'
import { Problem, type ProblemCode } from '../../lib/errors.js'
import type { LinkAgain, OpenLink, Resumption } from '../../xmpp/link.js'
import { type AttemptParts, LoginAttempt } from './login-attempt.js'
import type { LoginRequest } from './login-request.js'
import type { LoggedIn, Opened, OpenForLogin } from './login-types.js'
import { isSafeAhead } from './mechanism-choice.js'
import type { PipeliningMemory } from './pipelining-memory.js'
import { linkEnded } from './refusals.js'
import type { ScramProof } from './sasl/mechanism.js'

const leastTimeoutSeconds = 0.1
/** Not `timeout`: the repeated login has little time. */
const ofConnection: ReadonlySet<ProblemCode> = new Set([
  'remote-connection-failed',
  'remote-stream-error',
  'local-ports-exhausted',
  'service-full',
])
const ofAccount: ReadonlySet<ProblemCode> = new Set(['not-authorized', 'account-disabled', 'credentials-expired'])

export interface LoginParts extends AttemptParts {
  readonly pipelining: PipeliningMemory | undefined
}

/** `timeout` is in seconds. Throws a `Problem` after closing the link. */
export async function login<T extends Opened>(
  parts: LoginParts,
  open: OpenForLogin<T>,
  request: LoginRequest,
  caller: CallerSignal,
  timeout = parts.timeout,
): Promise<LoggedIn<T>> {
  return await attempt(parts, open, request, 'bound', caller, timeout).catch(error => {
    throw ofServiceAccount(request, withoutKeys(request, error))
  })
}

/** The caller would look for the mistake in the user's name or password. */
function ofServiceAccount({ credentials }: LoginRequest, error: unknown): unknown {
  if (credentials.kind !== 'service' || !(error instanceof Problem) || !ofAccount.has(error.code)) return error
  const { code, step, condition, server } = error
  const detail = 'It refused the service account, not the user: see XMPP_SERVICE_ACCOUNTS.'
  return new Problem(code, { step, condition, server, detail, setting: 'XMPP_SERVICE_ACCOUNTS' })
}

function withoutKeys({ credentials }: LoginRequest, error: unknown): unknown {
  if (credentials.kind !== 'keys' || !(error instanceof Problem) || error.step !== 'sasl') return error
  if (error.code !== 'not-authorized' && error.code !== 'no-mechanism') return error
  const { step, condition, detail, server } = error
  return new Problem('credentials-expired', { step, condition, detail, server })
}

async function attempt<T extends Opened>(
  parts: LoginParts,
  open: OpenForLogin<T>,
  request: LoginRequest,
  until: 'bound' | Resumption,
  caller: CallerSignal,
  timeout = parts.timeout,
): Promise<LoggedIn<T>> {
  const { credentials, jid } = request
  // Only logins whose first message has no secret are pipelined.
  const isByChallenge =
    credentials.kind === 'keys' ||
    credentials.kind === 'fast' ||
    (credentials.kind === 'password' && credentials.user === undefined)
  const memory = isByChallenge ? parts.pipelining : undefined
  if (memory === undefined) return await new LoginAttempt<T>(parts, request, until).run(open, caller, timeout)
  const since = performance.now()
  const pipelining = memory.foresee(jid.domain)
  const attempt = new LoginAttempt<T>(parts, request, until, pipelining)
  try {
    const loggedIn = await attempt.run(open, caller, timeout)
    if (attempt.mechanism !== undefined && isSafeAhead(attempt.mechanism.name)) memory.succeeded(jid.domain, pipelining)
    return loggedIn
  } catch (error) {
    const isLeft = caller.aborted || (error instanceof Problem && error.code === 'session-not-found')
    const isStale = attempt.end?.isStale === true
    const rest = timeout - (performance.now() - since) / 1000
    const mayRepeat = pipelining.isToBlame || isStale
    const again =
      mayRepeat && !isLeft && rest >= leastTimeoutSeconds
        ? new LoginAttempt<T>(parts, request, until).run(open, caller, rest)
        : Promise.reject<LoggedIn<T>>(error)
    // A spare link that was dead says nothing about the server, and neither does a server that is down now.
    const isDown = await again.then(
      () => false,
      later => later !== error && later instanceof Problem && ofConnection.has(later.code),
    )
    memory.failed(jid.domain, pipelining, isLeft || isStale || isDown)
    return await again
  }
}

/**
 * Logs in to resume a stream. Throws a `Problem` after closing the connection. If the caller aborts with the reason
 * `ended`, the old stream is closed too.
 */
export async function logInAgain(
  parts: LoginParts,
  connect: OpenLink,
  request: LoginRequest,
  lang: string,
  resumption: Resumption,
  caller: CallerSignal,
): Promise<LinkAgain> {
  const open: OpenForLogin<Opened> = (options, events) => {
    const link = connect(request.jid.domain, { ...options, lang }, events)
    // After `<resume/>`, `</stream:stream>` would also end the resumed stream. `cut` sends none.
    return { link, abandon: () => (caller.reason === 'ended' ? link.abandon() : link.cut()) }
  }
  const { opened, answer, undelivered, ended } = await attempt(parts, open, request, resumption, caller)
  const end = ended()
  if (end !== undefined) throw linkEnded(end.failure, 'sasl')
  return { link: opened.link, answer, missed: undelivered }
}

/** Authenticates only, and not by PLAIN. */
export async function scramKeys<T extends Opened>(
  parts: AttemptParts,
  open: OpenForLogin<T>,
  request: LoginRequest,
  caller: CallerSignal,
): Promise<ScramProof> {
  const attempt = new LoginAttempt<T>(parts, request, 'authenticated')
  const { opened } = await attempt.run(open, caller).catch(error => {
    const isMissing = error instanceof Problem && error.code === 'no-mechanism' && error.step === 'sasl'
    if (!isMissing) throw withoutKeys(request, error)
    const detail = 'The XMPP server offers no SCRAM mechanism that can be used here and is in XMPP_MECHANISMS.'
    throw new Problem('cannot-remember', { step: 'sasl', detail })
  })
  opened.abandon()
  return attempt.mechanism!.proof!
}
