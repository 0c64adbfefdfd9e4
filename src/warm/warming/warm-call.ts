import type { Config } from '../../config/config.js'
import { isForwardedByPeer } from '../../forwarding/peer-listener.js'
import type { FormGuard } from '../../http/access/form-guard.js'
import { callIdsOf, sendAnswer } from '../../http/answers/answer.js'
import { readBody } from '../../http/bodies/read-body.js'
import type { CallerSignal } from '../../lib/caller-gone.js'
import type { Counts } from '../../lib/counts.js'
import { Problem } from '../../lib/errors.js'
import { accountOf } from '../../servers/login/bound-user.js'
import type { Card } from '../../servers/login/created-accounts.js'
import type { Sessions } from '../../session/session-types.js'
import { allowsDomain } from '../../xmpp/jid/domains.js'
import { formatBareJid } from '../../xmpp/jid/jid.js'
import { attachBindingFor, bindingAnswer } from '../answers.js'
import { type Call, demandDomain } from '../calls.js'
import { type ForwardedCalls, hereOrForwarded } from '../forwarded-calls.js'
import { invalidParameter } from '../parameters.js'
import { givenIn, type Parameters, parametersIn } from '../read-parameters.js'
import type { TabCalls } from '../tab-calls.js'
import type { BindingPage } from './binding-page.js'
import { type Asking, createLimitedLogins, type LimitedLoginsParts, type Warmed } from './limited-logins.js'
import { type AskedSession, demandCredentials, type OpenCredential, toAskedSession } from './warm-request.js'

export interface WarmingParts extends LimitedLoginsParts {
  readonly counts: Pick<Counts, 'reuses'>
  readonly sessions: Sessions
  readonly endUnclaimed: (id: string) => void
  readonly tabCalls: TabCalls
  /** Undefined with one process. */
  readonly forwarding?: ForwardedCalls | undefined
}

type Sender = 'backend' | 'form' | 'page'

interface OfPage {
  /** For the answer. */
  readonly guestToken?: string | undefined
  /** Undefined unless the user is a guest. Some guests log in anonymously, also without WARM_ANONYMOUS. */
  readonly guestAddress?: string | undefined
  /** For the user's account if it is new. */
  readonly card?: Card | undefined
}

interface Entered {
  readonly result: Warmed
  readonly isResumed: boolean
}

/** Answers with a new session, or with the session of the tab. */
export class WarmCalls {
  readonly #config: Config
  readonly #parts: WarmingParts
  readonly #logins: ReturnType<typeof createLimitedLogins>
  readonly #bindingPage: BindingPage | undefined

  constructor(config: Config, parts: WarmingParts, bindingPage?: BindingPage) {
    this.#config = config
    this.#parts = parts
    this.#logins = createLimitedLogins(config, parts)
    this.#bindingPage = bindingPage
  }

  async answer(call: Call, sent: Parameters, sender: Sender, ofPage: OfPage = {}): Promise<undefined> {
    const { guestToken, guestAddress, card } = ofPage
    const { counts, forwarding } = this.#parts
    const { request, admin, representation, line } = call
    const { remember = false } = sent
    const open: OpenCredential = (jid, credential) => {
      line['jid'] = formatBareJid(jid)
      const proof = this.#logins.sealed.open(admin.name, jid, credential)
      return proof instanceof Problem ? proof : { kind: 'keys', proof }
    }
    const mayBeAnonymous = guestAddress !== undefined || this.#config.warm.anonymous
    const { page, ...asked } = toAskedSession(sent, this.#config, open, mayBeAnonymous)
    if (page === undefined) demandCredentials(asked)
    noteLogin(line, asked)
    this.#demandAllowed(call, asked, remember)
    const wanted = {
      ...asked,
      card,
      attachBinding: attachBindingFor(representation === 'json' && sender !== 'page', asked.attachBinding),
      ids: callIdsOf(request),
      openedBy: { admin: admin.name, isPage: sender === 'page' },
      guestAddress,
      isRefusalCounted: isForwardedByPeer(request),
      tab: page && { admin: admin.name, ...page },
    }
    const entered = await hereOrForwarded(forwarding, call, () => this.#enter(call, wanted, remember))
    if (entered === undefined) return
    const { result, isResumed } = entered
    line['id'] = result.binding.id
    if (page !== undefined) line['resumed'] = isResumed
    if (isResumed && !remember) delete line['login']
    if (isResumed) counts.reuses += 1
    this.#send(call, entered, asked.jid.domain, sender, guestToken)
  }

  #demandAllowed({ admin, representation }: Call, { jid, credentials }: AskedSession, remember: boolean): void {
    const { domains } = this.#config
    if (!allowsDomain(domains, jid.domain)) throw new Problem('domain-not-allowed', { setting: 'XMPP_DOMAINS' })
    demandDomain(admin, jid.domain)
    if (!remember) return
    const isOwnPassword = 'kind' in credentials && credentials.kind === 'password' && credentials.user === undefined
    if (!isOwnPassword || representation !== 'json') throw invalidParameter('remember')
    this.#logins.sealed.demandKeys()
  }

  async #enter({ admin, begunAt, signal }: Call, asked: AskedSession, remember: boolean): Promise<Entered> {
    const { tabCalls, endUnclaimed } = this.#parts
    const { tab } = asked
    const askingBy = (signal: CallerSignal): Asking => ({ admin: admin.name, remember, signal })
    const logIn = (signal: CallerSignal) => this.#logins.logIn(demandCredentials(asked), askingBy(signal))
    if (tab === undefined) return { result: await logIn(signal), isResumed: false }
    return tabCalls.enter<Warmed>(
      { tab, begunAt, signal },
      {
        resume: (id, signal) => this.#resume(id, asked, askingBy(signal)),
        logIn,
        endUnclaimed: ({ binding }) => endUnclaimed(binding.id),
      },
    )
  }

  async #resume(id: string, asked: AskedSession, asking: Asking): Promise<Warmed | undefined> {
    const { attachSeconds: seconds, attachBinding, ids } = asked
    const resume = async () => {
      asking.signal.throwIfAborted()
      const resumed = await this.#parts.sessions.resume(id, { seconds, attachBinding, ids })
      return resumed && { binding: { ...resumed, expiresIn: seconds } }
    }
    return asking.remember ? this.#logins.resumeRemembering(demandCredentials(asked), asking, resume) : resume()
  }

  /** Ends a new session if its answer cannot be sent. */
  #send(call: Call, { result, isResumed }: Entered, domain: string, sender: Sender, guestToken?: string): void {
    const { response, representation, signal } = call
    const { binding, credential } = result
    const giveUp = () => {
      if (!isResumed) this.#parts.endUnclaimed(binding.id)
    }
    if (signal.aborted) {
      giveUp()
      return
    }
    signal.addEventListener('abort', giveUp)
    try {
      const isShown = sender === 'form' && representation !== 'json'
      const page = isShown ? this.#bindingPage?.redirect(binding, call, domain, isResumed) : undefined
      sendAnswer(response, page ?? bindingAnswer(binding, this.#config, call, domain, credential, guestToken))
    } catch (error) {
      giveUp()
      throw error
    }
  }
}

export function createWarmCall(calls: WarmCalls, formGuard: FormGuard) {
  return async (call: Call): Promise<undefined> => {
    const { request, admin } = call
    const body = await readBody(request)
    const given = givenIn(request.headers['content-type'], body)
    const isForm = formGuard.checkForm(request, admin.name, given.get('csrf_token'))
    if (isForm) call.form = body
    return calls.answer(call, parametersIn(given, isForm), isForm ? 'form' : 'backend')
  }
}

function noteLogin(line: Call['line'], { jid, credentials }: AskedSession): void {
  line['jid'] = formatBareJid(jid)
  if (credentials instanceof Problem) return
  line['login'] = credentials.kind
  const account = accountOf(credentials)
  if (account !== undefined) line['account'] = formatBareJid({ local: account, domain: jid.domain })
}
