import { Problem } from '../../lib/errors.js'
import { type AttemptParts, LoginAttempt } from './login-attempt.js'
import type { Caller, LoggedIn, Opened, OpenForLogin } from './login-link.js'
import type { PipeliningMemory } from './pipelining-memory.js'
import type { LoginWish } from './wish.js'

/** A login that has less time left is not done again, in seconds; timers may come a little early. */
const leastTimeout = 0.1

export interface LoginParts extends AttemptParts {
  /** Knows what servers offer; undefined where the login waits for each of them. */
  readonly pipelining: PipeliningMemory | undefined
}

/** Logs a user in and binds a resource, over a link that `open` opens. Throws a `Problem`, and leaves nothing open then. */
export async function login<T extends Opened>(
  parts: LoginParts,
  open: OpenForLogin<T>,
  wish: LoginWish,
  caller: Caller,
): Promise<LoggedIn<T>> {
  const { credentials, jid } = wish
  // With other credentials a secret may be sent at once, and the login has to read the server's offer before that.
  const isByChallenge = credentials.kind === 'password' && credentials.user === undefined
  const memory = isByChallenge ? parts.pipelining : undefined
  if (memory === undefined) return await new LoginAttempt<T>(parts, wish).run(open, caller)
  const since = performance.now()
  const pipelining = memory.foresee(jid.domain)
  const attempt = new LoginAttempt<T>(parts, wish, 'bound', pipelining)
  try {
    const loggedIn = await attempt.run(open, caller)
    if (attempt.mechanism?.name.startsWith('SCRAM-')) memory.succeeded(jid.domain, pipelining)
    return loggedIn
  } catch (error) {
    const isLeft = caller.aborted || (error instanceof Problem && error.code === 'session-not-found')
    memory.failed(jid.domain, pipelining, isLeft)
    const timeout = parts.timeout - (performance.now() - since) / 1000
    if (!pipelining.isToBlame || isLeft || timeout < leastTimeout) throw error
    // The reason may be what was sent ahead of the server. Now the login waits for each of its answers.
    return await new LoginAttempt<T>({ ...parts, timeout }, wish).run(open, caller)
  }
}

/** Logs a user in and leaves before a resource is bound. Throws a `Problem`. */
export async function authenticate<T extends Opened>(
  parts: AttemptParts,
  open: OpenForLogin<T>,
  wish: LoginWish,
  caller: Caller,
): Promise<void> {
  const { opened } = await new LoginAttempt<T>(parts, wish, 'authenticated').run(open, caller)
  opened.abandon()
}
