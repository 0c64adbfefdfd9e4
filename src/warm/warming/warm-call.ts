import type { Config } from '../../config/config.js'
import type { FormGuard } from '../../http/access/form-guard.js'
import { callIdsOf, sendAnswer } from '../../http/answers/answer.js'
import { readBody } from '../../http/bodies/read-body.js'
import type { CallerSignal } from '../../lib/caller-gone.js'
import { type Counts, limitDetail } from '../../lib/counts.js'
import { Problem } from '../../lib/errors.js'
import type { UserLimit } from '../../session/limits/user-limit.js'
import type { Sessions } from '../../session/session-types.js'
import type { TabName } from '../../store/store.js'
import { allowsDomain } from '../../xmpp/jid/domains.js'
import { formatBareJid } from '../../xmpp/jid/jid.js'
import { attachBindingFor, bindingAnswer } from '../answers.js'
import type { Caller, CallLimits } from '../call-limits.js'
import { type Call, demandDomain } from '../calls.js'
import { type ForwardedCalls, hereOrForwarded } from '../forwarded-calls.js'
import { invalidParameter } from '../parameters.js'
import { givenIn, type Parameters, parametersIn } from '../read-parameters.js'
import type { Visits } from '../visits.js'
import type { BindingPage } from './binding-page.js'
import { createSealedCredentials } from './sealed-credentials.js'
import type { Logins, WarmedBinding, WarmRequest } from './session-login.js'
import { type AskedSession, demandCredentials, toAskedSession } from './warm-request.js'

const longestRetrySeconds = 60

export interface WarmingParts extends Logins {
  readonly counts: Pick<Counts, 'reuses'>
  readonly limits: CallLimits
  readonly sessions: Sessions
  readonly userLimit: Pick<UserLimit, 'take' | 'giveBack'>
  readonly endUnclaimed: (id: string) => void
  readonly visits: Visits
  /** Undefined with one process. */
  readonly forwarding?: ForwardedCalls | undefined
}

interface Warmed {
  readonly binding: WarmedBinding
  readonly credential?: string | undefined
}

type Sender = 'backend' | 'form' | 'page'

type Asked = ReturnType<typeof toAskedSession>

type Warm = ReturnType<typeof createWarm>

export function createWarm(config: Config, parts: WarmingParts, bindingPage?: BindingPage) {
  const { counts, limits, sessions, userLimit, endUnclaimed, visits, login, keysOf, forwarding } = parts
  const sealed = createSealedCredentials(config, Date.now)

  async function rememberUser<T extends Warmed | undefined>(
    request: WarmRequest,
    admin: string,
    signal: CallerSignal,
    warm: (request: WarmRequest) => Promise<T>,
  ) {
    const keys = await keysOf(request, signal)
    const credential = sealed.seal(admin, request.jid, keys)
    try {
      const warmed = await warm({ ...request, credentials: { kind: 'keys', proof: keys } })
      return warmed && { ...warmed, credential }
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'credentials-expired') throw error
      const { step, condition, server } = error
      const detail = 'The XMPP server refuses the keys at the next login: it may change the salt each time.'
      throw new Problem('cannot-remember', { step, condition, server, detail })
    }
  }

  async function roomedLogin(request: WarmRequest, { admin, user }: Caller, signal: CallerSignal): Promise<Warmed> {
    const entered = forwarding?.newIds()
    const isFull = user !== undefined && !(await userLimit.take(user, entered))
    if (isFull) {
      // Sessions of closed tabs end after `inactivity`, so a retry may then succeed.
      const retryAfterSeconds = Math.min(config.bosh.inactivity, longestRetrySeconds)
      throw new Problem('too-many-sessions', { retryAfterSeconds, detail: limitDetail('user') })
    }
    try {
      return { binding: await limits.acting(request, admin, () => login({ ...request, entered }, signal)) }
    } finally {
      if (user !== undefined) userLimit.giveBack(user, entered)
    }
  }

  const callerOf = ({ credentials, jid }: AskedSession, admin: string): Caller => ({
    admin,
    user: credentials.kind === 'anonymous' ? undefined : formatBareJid(jid),
  })

  async function countedLogin(request: WarmRequest, admin: string, remember: boolean, signal: CallerSignal) {
    const caller = callerOf(request, admin)
    const warm = (request: WarmRequest) => roomedLogin(request, caller, signal)
    return limits.counted(caller, () => (remember ? rememberUser(request, admin, signal, warm) : warm(request)))
  }

  function enterTab(asked: AskedSession, tab: TabName, remember: boolean, { begunAt, signal }: Call) {
    const { admin } = tab
    const { attachSeconds: seconds, attachBinding, ids } = asked
    return visits.enter<Warmed>(
      { tab, begunAt, signal },
      {
        async resume(id, signal) {
          const resume = async (): Promise<Warmed | undefined> => {
            signal.throwIfAborted()
            const resumed = await sessions.resume(id, { seconds, attachBinding, ids })
            return resumed && { binding: { ...resumed, expiresIn: seconds } }
          }
          if (!remember) return resume()
          const request = demandCredentials(asked)
          const byKeys = (request: WarmRequest) => keysOf(request, signal).then(resume)
          return limits.counted(callerOf(asked, admin), () => rememberUser(request, admin, signal, byKeys))
        },
        logIn: signal => countedLogin(demandCredentials(asked), admin, remember, signal),
        endUnclaimed: ({ binding }) => endUnclaimed(binding.id),
      },
    )
  }

  async function answerAsked(call: Call, { page, ...asked }: Asked, remember: boolean, by: Sender): Promise<undefined> {
    const { request, response, admin, representation, signal, line } = call
    if (page === undefined) demandCredentials(asked)
    const tab = page && { admin: admin.name, ...page }
    const { jid, credentials } = asked
    line['jid'] = formatBareJid(jid)
    if (credentials.kind !== 'unusable') line['login'] = credentials.kind
    const account = accountOf(credentials)
    if (account !== undefined) line['account'] = formatBareJid({ local: account, domain: jid.domain })
    if (!allowsDomain(config.domains, jid.domain)) throw new Problem('domain-not-allowed', { setting: 'XMPP_DOMAINS' })
    demandDomain(admin, jid.domain)
    if (remember) {
      const isOwnPassword = credentials.kind === 'password' && credentials.user === undefined
      if (!isOwnPassword || representation !== 'json') throw invalidParameter('remember')
      sealed.demandKeys()
    }

    const warmRequest = {
      ...asked,
      attachBinding: attachBindingFor(representation === 'json' && by !== 'page', asked.attachBinding),
      ids: callIdsOf(request),
      openedBy: { admin: admin.name, isPage: by === 'page' },
      isRefusalCounted: forwarding?.isForwarded(call) ?? false,
      tab,
    }
    const entered = await hereOrForwarded(forwarding, call, async () =>
      tab === undefined
        ? { result: await countedLogin(demandCredentials(warmRequest), admin.name, remember, signal), isResumed: false }
        : enterTab(warmRequest, tab, remember, call),
    )
    if (entered === undefined) return
    const { result, isResumed } = entered
    const { binding, credential } = result
    line['id'] = binding.id
    if (tab !== undefined) {
      line['resumed'] = isResumed
      if (isResumed && !remember) delete line['login']
    }
    if (isResumed) counts.reuses += 1
    const giveUp = () => {
      if (!isResumed) endUnclaimed(binding.id)
    }
    if (signal.aborted) {
      giveUp()
      return
    }
    signal.addEventListener('abort', giveUp)
    try {
      const { domain } = jid
      const isShown = by === 'form' && representation !== 'json'
      const answer = isShown ? bindingPage?.redirect(binding, call, domain, isResumed) : undefined
      const about = { request, representation, domain, credential }
      sendAnswer(response, answer ?? bindingAnswer(binding, config, about))
    } catch (error) {
      giveUp()
      throw error
    }
  }

  return async (call: Call, sent: Parameters, sender: Sender): Promise<undefined> => {
    const { admin, line } = call
    const remember = sent.remember ?? false
    const asked = toAskedSession(sent, config, (jid, credential) => {
      line['jid'] = formatBareJid(jid)
      return { kind: 'keys', proof: sealed.open(admin.name, jid, credential) }
    })
    return await answerAsked(call, asked, remember, sender)
  }
}

export function createWarmCall(warm: Warm, formGuard: FormGuard) {
  return async (call: Call): Promise<undefined> => {
    const { request, admin } = call
    const body = await readBody(request)
    const given = givenIn(request.headers['content-type'], body)
    const isForm = formGuard.checkForm(request, admin.name, given.get('csrf_token'))
    if (isForm) call.form = body
    return warm(call, parametersIn(given, isForm), isForm ? 'form' : 'backend')
  }
}

function accountOf(credentials: AskedSession['credentials']): string | undefined {
  if (credentials.kind === 'password') return credentials.user
  return credentials.kind === 'service' ? credentials.account.user : undefined
}
