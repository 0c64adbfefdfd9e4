import type { Config } from '../../config/config.js'
import { accountFor } from '../../config/serving.js'
import { CallerGone, type CallerSignal } from '../../lib/caller-gone.js'
import type { Clock } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import { nodeForNewSession } from '../../processes/exchanges/ask-all.js'
import { nodeIn } from '../../processes/node-name.js'
import { NoAnswer, type Nodes } from '../../processes/nodes.js'
import type { Credentials } from '../../servers/login/login-request.js'
import { credentialsOf, type Secrets, secretsOf } from '../../servers/login/relogin.js'
import { tooLate, transferMilliseconds } from '../visits.js'
import type { Logins, WarmRequest } from './session-login.js'

const kinds = { login: 'login', keysOf: 'keys' } as const
const unclaimedKind = 'release'

type Method = keyof typeof kinds

/** After this time, a process that was full is asked again. */
const fullMilliseconds = 1_000

interface CarriedLogin {
  readonly site: string
  readonly request: CarriedRequest
}

/** Sent as JSON. Omits passwords of service accounts, because all processes know them. */
type CarriedRequest = Omit<WarmRequest, 'credentials'> & {
  readonly credentials: Secrets | Extract<Credentials, { kind: 'password' | 'anonymous' }>
}

type Accounts = Config['serviceAccounts']

function toCarried(request: WarmRequest): CarriedRequest {
  const { credentials } = request
  return { ...request, credentials: secretsOf(credentials) ?? (credentials as CarriedRequest['credentials']) }
}

function fromCarried(request: CarriedRequest, accounts: Accounts): WarmRequest {
  const { credentials: sent, jid } = request
  const isComplete = sent.kind === 'password' || sent.kind === 'anonymous'
  const credentials = isComplete ? sent : credentialsOf(sent, accountFor(accounts, jid.domain))
  if (credentials === undefined) throw new Problem('internal-error')
  return { ...request, credentials }
}

interface CarriedLoginsParts {
  readonly nodes: Pick<Nodes, 'self' | 'owner' | 'others' | 'ask' | 'answer'>
  readonly clock: Pick<Clock, 'now'>
  readonly isDraining: () => boolean
  readonly serviceAccounts: () => Accounts
  /** In seconds. */
  readonly timeout: number
  readonly endUnclaimed: (id: string) => void
}

export type CarriedLogins = ReturnType<typeof createCarriedLogins>

function isStopping(error: unknown): boolean {
  if (error instanceof NoAnswer) return error.reason !== 'late'
  return error instanceof Problem && error.code === 'shutting-down'
}

/** Another machine may have a free port. */
const isFull = (error: unknown) =>
  error instanceof Problem && (error.code === 'service-full' || error.code === 'local-ports-exhausted')

/** The logins that `over` returns go to another process if this process drains or is full. */
export function createCarriedLogins(parts: CarriedLoginsParts) {
  const { nodes, clock, isDraining, timeout, endUnclaimed, serviceAccounts } = parts
  const sites = new Map<string, Logins>()
  for (const method of Object.keys(kinds) as Method[])
    nodes.answer(kinds[method], ({ site, request }: CarriedLogin) => {
      const logins = sites.get(site)
      if (logins === undefined) throw new Problem('internal-error')
      // This process does not learn that the caller hung up. The process that got the call then ends the session.
      return logins[method](fromCarried(request, serviceAccounts()), new CallerGone())
    })
  nodes.answer(unclaimedKind, endUnclaimed)

  let carried = 0
  const fullUntil = new Map<string, number>()

  const fullProcesses = (): string[] => {
    for (const [name, until] of fullUntil) if (until <= clock.now()) fullUntil.delete(name)
    return [...fullUntil.keys()]
  }

  const anywhere = async (
    method: Method,
    site: string,
    request: WarmRequest,
    here: () => Promise<unknown>,
  ): Promise<unknown> => {
    let fullness: unknown
    if (!isDraining()) {
      try {
        return await here()
      } catch (error) {
        if (isFull(error)) fullness = error
        else if (!isDraining() || !isStopping(error)) throw error
      }
    }
    const asked = new Set(fullProcesses())
    for (;;) {
      const otherNode = nodeForNewSession(nodes, asked)
      if (otherNode === undefined && fullness !== undefined) throw fullness
      if (otherNode === undefined) return here()
      asked.add(otherNode)
      const isRefusalCounted = fullness !== undefined
      const login: CarriedLogin = { site, request: { ...toCarried(request), isRefusalCounted } }
      carried += 1
      try {
        return await nodes.ask(otherNode, kinds[method], login, timeout * 1000 + transferMilliseconds)
      } catch (error) {
        if (error instanceof NoAnswer && error.reason === 'late') throw tooLate()
        if (isFull(error)) {
          fullness = error
          fullUntil.set(otherNode, clock.now() + fullMilliseconds)
        } else if (!isStopping(error)) throw error
      } finally {
        carried -= 1
      }
    }
  }

  return {
    get areUnderWay(): boolean {
      return carried > 0
    },
    keep(names: ReadonlySet<string>): void {
      for (const site of sites.keys()) if (!names.has(site)) sites.delete(site)
    },
    over(site: string, own: Logins): Logins {
      sites.set(site, own)
      const carriedBy = (method: Method) => (request: WarmRequest, caller: CallerSignal) =>
        anywhere(method, site, request, () => own[method](request, caller))
      return {
        login: carriedBy('login'),
        keysOf: carriedBy('keysOf'),
      } as Logins
    },
    endUnclaimed(id: string): void {
      const node = nodes.owner(nodeIn(id) ?? '')
      if (node === undefined || node === nodes.self) endUnclaimed(id)
      // If the process is unreachable, the session ends when no page attaches in time.
      else nodes.ask(node, unclaimedKind, id).catch(() => {})
    },
  }
}
