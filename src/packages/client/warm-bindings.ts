// Calls the warm API (docs/api.md) for backends. Needs only Node.js.
import { type Check, isBinding, isEnded, isNothing, isSession, isSessionList } from './answer-checks.js'
import type {
  Binding,
  Ended,
  ListSessionsQuery,
  LogOutEverywhereQuery,
  ResumeRequest,
  Session,
  WarmRequest,
} from './api-types.js'
import { type AttemptLimits, repeat } from './attempts.js'
import { type Call, exchange } from './exchange.js'
import { WarmBindingsError } from './warm-bindings-error.js'

export type * from './api-types.js'
export type { AttemptLimits } from './attempts.js'
export { type ErrorCode, WarmBindingsError } from './warm-bindings-error.js'

export interface WarmBindingsOptions extends Partial<AttemptLimits> {
  /** The URL of the warm API, such as `http://127.0.0.1:8080/warm`. */
  readonly url: string
  /** An account of ADMIN_USERS. */
  readonly user: string
  readonly secret: string
}

export interface CallOptions {
  /** Aborts the call, which rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

export type SessionFilter = Omit<ListSessionsQuery, 'limit' | 'after' | 'page' | 'sort'>

const sessionsAtATime = 1000

/** The methods retry temporary errors, then reject with a `WarmBindingsError`. */
export class WarmBindings {
  readonly #url: string
  readonly #authorization: string
  readonly #limits: AttemptLimits

  constructor(options: WarmBindingsOptions) {
    const { url, user, secret, timeoutSeconds = 20, totalSeconds = 40, attempts = 3 } = options
    if (!isWarmUrl(url))
      throw new TypeError('url is the address of /warm, such as http://127.0.0.1:8080/warm, and no more')
    if (!user || user.includes(':') || !secret) throw new TypeError('user and secret are an account of ADMIN_USERS')
    this.#url = url.replace(/\/$/, '')
    this.#authorization = `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`
    this.#limits = { timeoutSeconds, totalSeconds, attempts }
  }

  /** Logs a user in. Resolves with a binding for the page, and an `id` for the calls below. */
  warm(parameters: WarmRequest, options?: CallOptions): Promise<Binding> {
    return this.#call('POST', '', isBinding, options, parameters)
  }

  /** Hands a session to another page. Undefined if the session has ended or is at a remote endpoint: call `warm`. */
  resume(id: string, parameters: ResumeRequest = {}, options?: CallOptions): Promise<Binding | undefined> {
    return ofSession(id, path => this.#call('POST', `${path}/resume`, isBinding, options, parameters))
  }

  /** Undefined if the session has ended or is at a remote endpoint. */
  session(id: string, options?: CallOptions): Promise<Session | undefined> {
    return ofSession(id, path => this.#call('GET', path, isSession, options))
  }

  /** Ends a session. Also resolves if the session has ended or is at a remote endpoint. */
  end(id: string, options?: CallOptions): Promise<void> {
    return ofSession(id, path => this.#call('DELETE', path, isNothing, options))
  }

  /** Yields the oldest session first, and fetches further parts on demand. */
  async *sessions(filter: SessionFilter = {}, options?: CallOptions): AsyncGenerator<Session, void, undefined> {
    const query = new URLSearchParams({ limit: String(sessionsAtATime) })
    for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, value)
    const places = new Set<string>()
    for (;;) {
      const { sessions, next } = await this.#call('GET', `/sessions?${query}`, isSessionList, options)
      yield* sessions
      if (next === undefined) return
      if (places.has(next))
        throw new WarmBindingsError('bad-answer', 'The list of sessions does not end: `next` is repeated.')
      query.set('after', next)
      places.add(next)
    }
  }

  /** Ends the sessions of a bare or full JID, no matter who opened them, or this account's sessions of a visit. */
  endAll({ jid, visit }: LogOutEverywhereQuery, options?: CallOptions): Promise<Ended> {
    const query = new URLSearchParams({ ...(jid !== undefined && { jid }), ...(visit !== undefined && { visit }) })
    return this.#call('DELETE', `/sessions?${query}`, isEnded, options)
  }

  /** Ends all sessions of a visit, and cancels its logins. */
  endVisit(visit: string, options?: CallOptions): Promise<Ended> {
    return this.endAll({ visit }, options)
  }

  #call<T>(method: Call['method'], path: string, check: Check<T>, { signal }: CallOptions = {}, parameters?: object) {
    const headers = {
      Authorization: this.#authorization,
      Accept: 'application/json',
      ...(parameters && { 'Content-Type': 'application/json' }),
    }
    const body = parameters ? JSON.stringify(parameters) : null
    const call = { method, url: this.#url + path, headers, body }
    return repeat(seconds => exchange(call, check, seconds, signal), this.#limits, signal)
  }
}

/** Resolves with undefined if the session has ended or is at a remote endpoint. */
async function ofSession<T>(id: string, call: (path: string) => Promise<T>): Promise<T | undefined> {
  // Other characters could change the URL.
  if (!/^[\w-]{16,64}$/.test(id)) return undefined
  try {
    return await call(`/${id}`)
  } catch (error) {
    if (error instanceof WarmBindingsError && /^(?:session-not-found|not-here)$/.test(error.code)) return undefined
    throw error
  }
}

/** Rejects a URL with credentials, because errors could show them. */
function isWarmUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, origin, pathname, href } = new URL(text)
  return /^https?:$/.test(protocol) && pathname !== '/' && href === origin + pathname
}
