import type { CallerSignal } from '../../lib/caller-gone.js'
import { Problem } from '../../lib/errors.js'
import type { KeyedQueue } from '../../lib/limits/keyed-queue.js'
import type { Card, CreatedAccounts } from '../../servers/login/created-accounts.js'
import { type LoginParts, logInAgain, login, scramKeys } from '../../servers/login/login.js'
import type { LoginRequest, OperatorLogin } from '../../servers/login/login-request.js'
import type { LoggedIn, OpenForLogin } from '../../servers/login/login-types.js'
import { giveBackAgent, type ReloginRecord, reloginRecordOf, requestOf } from '../../servers/login/relogin.js'
import type { ScramProof } from '../../servers/login/sasl/mechanism.js'
import type { Management, Mending } from '../../session/link/mending.js'
import type { AttachBinding, Open, OpenLogin, OpenWish, ResumedSession } from '../../session/session-types.js'
import { formatJid } from '../../xmpp/jid/jid.js'
import type { OpenLink } from '../../xmpp/link.js'

export interface WarmRequest
  extends LoginRequest,
    Pick<OpenWish, 'wait' | 'hold' | 'ver' | 'isRefusalCounted' | 'guestAddress' | 'tab' | 'openedBy' | 'entered'> {
  /** BCP 47. */
  readonly language: string
  readonly attachSeconds: number
  readonly attachBinding: AttachBinding
  readonly card?: Card | undefined
}

/** `expiresIn` is in seconds. */
export type WarmedBinding = Omit<ResumedSession, 'delivered'> & {
  readonly expiresIn: number
  readonly delivered?: number
}

interface MendParts {
  readonly connect: OpenLink
  /** Limits how many broken links of a domain are mended at the same time. */
  readonly queue: KeyedQueue
  readonly operatorLogin: (domain: string) => OperatorLogin | undefined
  readonly longest: number
}

export type Logins = ReturnType<typeof createLogins>

export function createLogins(
  parts: LoginParts,
  open: Open,
  accounts: Pick<CreatedAccounts, 'ensure' | 'forget'>,
  mend?: MendParts,
) {
  const managementOf = ({ enabled, again }: LoggedIn<OpenLogin>, lang: string): Management | undefined => {
    if (enabled === undefined || (enabled !== 'requested' && enabled.name !== 'enabled')) return undefined
    return { mending: mend && again && mendingOf(parts, mend, again, lang), enabled }
  }
  const openFor = (request: WarmRequest): OpenForLogin<OpenLogin> => {
    const { jid, language: lang, wait, hold, ver, isRefusalCounted, guestAddress, tab, ids, openedBy } = request
    const wish = { jid: formatJid(jid), lang, wait, hold, ver, isRefusalCounted, guestAddress, tab, ids, openedBy }
    let { entered } = request
    return (options, events) => {
      const opened = open(jid.domain, { ...options, ...wish, entered }, events)
      // A login can open several sessions, one after the other.
      entered = undefined
      return opened
    }
  }

  return {
    /** Leaves nothing open if it fails, or if `caller` aborts. */
    async login(request: WarmRequest, caller: CallerSignal): Promise<WarmedBinding> {
      const { attachSeconds: seconds, attachBinding, credentials, jid: asked, card, guestAddress } = request
      const isByOperator = credentials.kind === 'signed' || credentials.kind === 'service'
      const since = performance.now()
      // Accounts of guests would fill the server's disk.
      if (isByOperator && guestAddress === undefined) await accounts.ensure(asked, caller, card)
      const timeout = parts.timeout - (performance.now() - since) / 1000
      const loggedIn = await login(parts, openFor(request), request, caller, timeout).catch(error => {
        if (isByOperator && error instanceof Problem && error.step === 'sasl') accounts.forget(asked)
        throw error
      })
      const { opened, jid, undelivered } = loggedIn
      try {
        const handover = { seconds, attachBinding }
        const management = managementOf(loggedIn, request.language)
        if (management?.mending === undefined) giveBackAgent(loggedIn.again)
        const binding = await opened.handOver(jid, undelivered, handover, management)
        if (binding === undefined) throw new Problem('remote-connection-failed', { step: 'bind' })
        return { jid, id: opened.id, expiresIn: seconds, ...binding }
      } catch (error) {
        opened.abandon()
        giveBackAgent(loggedIn.again)
        throw error
      }
    },
    async keysOf(request: WarmRequest, caller: CallerSignal): Promise<ScramProof> {
      return await scramKeys(parts, openFor({ ...request, tab: undefined }), request, caller)
    },
  }
}

/** For a moved session. `before` is `LinkRecord.again`. Returns undefined if the login cannot be repeated. */
export function managementFrom(parts: LoginParts, mend: MendParts, before: unknown): Management | undefined {
  const record = before as ReloginRecord | undefined
  const again = record && requestOf(record, mend.operatorLogin(record.jid.domain))
  return again && { mending: mendingOf(parts, mend, again, record.lang) }
}

function mendingOf(parts: LoginParts, mend: MendParts, again: LoginRequest, lang: string): Mending {
  const { connect, queue, longest } = mend
  return {
    longest,
    logInAgain: (caller, { isUrgent, onBegin }, resumption) => {
      const work = async () => {
        onBegin()
        if (caller.aborted) throw new Problem('session-not-found', { step: 'connect' })
        return logInAgain(parts, connect, again, lang, resumption, caller)
      }
      return queue.run(again.jid.domain, work, { isUrgent })
    },
    record: () => reloginRecordOf(again, lang),
    wipe: () => giveBackAgent(again),
  }
}
