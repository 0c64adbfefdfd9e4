import type { Config } from '../config/config.js'
import { accountFor } from '../config/serving.js'
import { CallerGone, type CallerSignal } from '../http/listening/caller-gone.js'
import type { Clock } from '../lib/clock.js'
import { Problem } from '../lib/errors.js'
import { anyTaker } from '../processes/exchanges/takers.js'
import { nodeIn } from '../processes/node-name.js'
import { NoAnswer, type Nodes } from '../processes/nodes.js'
import type { Credentials } from '../servers/login/wish.js'
import type { Binding, Logins, WarmRequest } from './session-login.js'

/** The kinds of questions. */
const loginKind = 'login'
const credentialsKind = 'credentials'
const releaseKind = 'release'

/** How much longer than a login may take its outcome may be on its way, in milliseconds. */
const wayMilliseconds = 1_000
/** How long a process that was full is not asked again, in milliseconds. */
const fullMilliseconds = 1_000

/** What another process has to know of a login. */
interface CarriedLogin {
  /** Which of the sites the user logs in at; all processes have the same ones. */
  readonly site: string
  readonly request: CarriedRequest
}

/** What an operator's account proves itself with stays where it is: all processes have it. */
type CarriedRequest = Omit<WarmRequest, 'credentials'> & {
  readonly credentials: Exclude<Credentials, { kind: 'service' }> | { readonly kind: 'service' }
}

type Accounts = Config['serviceAccounts']

function withoutAccount(request: WarmRequest): CarriedRequest {
  return request.credentials.kind === 'service' ? { ...request, credentials: { kind: 'service' } } : request
}

function withAccount(request: CarriedRequest, accounts: Accounts): WarmRequest {
  const { credentials, jid } = request
  if (credentials.kind !== 'service') return { ...request, credentials }
  const account = accountFor(accounts, jid.domain)
  if (account === undefined) throw new Problem('internal-error')
  return { ...request, credentials: { kind: 'service', account } }
}

export interface CarriedLoginsParts {
  readonly nodes: Pick<Nodes, 'others' | 'has' | 'ask' | 'answer'>
  readonly clock: Pick<Clock, 'now'>
  /** Whether this process takes no new sessions, and keeps those that it has. */
  readonly isDraining: () => boolean
  /** The operator's accounts, by XMPP domain. */
  readonly serviceAccounts: Accounts
  /** Longest time that a login may take, in seconds. */
  readonly timeout: number
  /** Ends a session of this process that no page will attach to. */
  readonly release: (id: string) => void
}

export type CarriedLogins = ReturnType<typeof createCarriedLogins>

/** Whether a process could not log a user in because it is drained, stopped or gone itself. */
function isOfItsEnd(error: unknown): boolean {
  if (error instanceof NoAnswer) return error.reason !== 'late'
  return error instanceof Problem && error.code === 'shutting-down'
}

/** Whether a process has no room for the session. */
function isFull(error: unknown): boolean {
  return error instanceof Problem && error.code === 'service-full'
}

/** Passes logins on to other processes while this one drains or is full, and logs users in for them. */
export function createCarriedLogins(parts: CarriedLoginsParts) {
  const { nodes, clock, isDraining, timeout, release, serviceAccounts } = parts
  const sites = new Map<string, Logins>()
  const loginsOf = (site: string): Logins => {
    const logins = sites.get(site)
    if (logins === undefined) throw new Problem('internal-error')
    return logins
  }
  // Where the caller hangs up meanwhile, the process that it has called lets go of the session.
  nodes.answer(loginKind, ({ site, request }: CarriedLogin) =>
    loginsOf(site).login(withAccount(request, serviceAccounts), new CallerGone()),
  )
  nodes.answer(credentialsKind, ({ site, request }: CarriedLogin) =>
    loginsOf(site).checkCredentials(withAccount(request, serviceAccounts), new CallerGone()),
  )
  nodes.answer(releaseKind, release)

  /** When processes that were full may be asked again, in milliseconds of the clock. */
  const fullUntil = new Map<string, number>()

  /** The names of the processes that were full a moment ago. */
  const fullProcesses = (): string[] => {
    for (const [name, until] of fullUntil) if (until <= clock.now()) fullUntil.delete(name)
    return [...fullUntil.keys()]
  }

  /** Logs in here or, if this process is drained or full, in one that is not. */
  const either = async <T>(
    kind: string,
    site: string,
    request: WarmRequest,
    here: () => Promise<T>,
  ): Promise<T> => {
    let fullness: unknown
    if (!isDraining()) {
      try {
        return await here()
      } catch (error) {
        if (isFull(error)) fullness = error
        // The drain may have begun when the call had come, and before it had its session.
        else if (!isDraining() || !isOfItsEnd(error)) throw error
      }
    }
    const asked = new Set(fullProcesses())
    for (;;) {
      const successor = anyTaker(nodes, asked)
      if (successor === undefined && fullness !== undefined) throw fullness
      if (successor === undefined) return here()
      asked.add(successor)
      const isRefusalCounted = fullness !== undefined
      const login: CarriedLogin = { site, request: { ...withoutAccount(request), isRefusalCounted } }
      try {
        return (await nodes.ask(successor, kind, login, timeout * 1000 + wayMilliseconds)) as T
      } catch (error) {
        if (error instanceof NoAnswer && error.reason === 'late') throw new Problem('timeout')
        if (isFull(error)) {
          fullness = error
          fullUntil.set(successor, clock.now() + fullMilliseconds)
        } else if (!isOfItsEnd(error)) throw error
      }
    }
  }

  return {
    /** The logins of a site, which all processes call by the same name. */
    over(site: string, own: Logins): Logins {
      sites.set(site, own)
      return {
        login: (request: WarmRequest, caller: CallerSignal): Promise<Binding> =>
          either(loginKind, site, request, () => own.login(request, caller)),
        checkCredentials: (request: WarmRequest, caller: CallerSignal): Promise<void> =>
          either(credentialsKind, site, request, () => own.checkCredentials(request, caller)),
      }
    },
    /** Ends a session that no page will attach to, whichever process has it. */
    release(id: string): void {
      const node = nodeIn(id)
      if (node === undefined || !nodes.has(node)) release(id)
      // What is not reached ends by itself, when no page has come for it.
      else nodes.ask(node, releaseKind, id).catch(() => {})
    },
  }
}
