import type { Config } from '../config/config.js'
import type { FormGuard } from '../http/access/form-guard.js'
import { sendAnswer } from '../http/answers/answer.js'
import type { CallerSignal } from '../http/listening/caller-gone.js'
import { readBody } from '../http/listening/read-body.js'
import type { Counts } from '../lib/counts.js'
import { Problem } from '../lib/errors.js'
import { proofInBytes, wipeSecrets } from '../servers/login/again.js'
import type { Credentials } from '../servers/login/wish.js'
import type { UserRoom } from '../session/limits/user-room.js'
import type { Sessions } from '../session/session-types.js'
import { allowsDomain } from '../xmpp/jid/domains.js'
import { formatBareJid, formatJid } from '../xmpp/jid/jid.js'
import { type AnswerSettings, attachBindingFor, bindingAnswer } from './answers.js'
import type { CallLimits } from './call-limits.js'
import { readParameters } from './call-parameters.js'
import type { Call } from './calls.js'
import { invalidParameter } from './parameters.js'
import { createSealedCredentials, type SealSettings } from './sealed-credentials.js'
import type { Binding, Logins, WarmRequest } from './session-login.js'
import type { WarmForm } from './warm-form.js'
import { toWarmRequest, type WarmSettings } from './warm-request.js'

export interface WarmCallParts extends Logins {
  readonly config: AnswerSettings & WarmSettings & SealSettings & Pick<Config, 'domains'>
  readonly counts: Pick<Counts, 'reuses'>
  readonly limits: CallLimits
  readonly sessions: Sessions
  readonly room: Pick<UserRoom, 'take' | 'giveBack'>
  readonly endUnclaimed: (id: string) => void
}

interface Warmed {
  readonly binding: Binding
  readonly isReused: boolean
  readonly credential?: string
}

export function createWarmCall(parts: WarmCallParts, form: WarmForm, formGuard: FormGuard) {
  const { config, counts, limits, sessions, room, endUnclaimed, login, checkCredentials, keysOf } = parts
  const sealed = createSealedCredentials(config, Date.now)

  /** Logs in with the keys of the password, and seals them. Throws a `Problem`. */
  async function rememberUser(
    request: WarmRequest,
    admin: string,
    signal: CallerSignal,
    warm: (request: WarmRequest) => Promise<Warmed>,
  ): Promise<Warmed> {
    const keys = await keysOf(request, signal)
    const credential = sealed.seal(admin, request.jid, keys)
    try {
      const warmed = await warm({ ...request, credentials: { kind: 'keys', proof: proofInBytes(keys) } })
      return { ...warmed, credential }
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'credentials-expired') throw error
      const detail = 'The XMPP server refuses the keys at the next login: it may change the salt each time.'
      throw new Problem('cannot-remember', { step: error.step, condition: error.condition, detail })
    }
  }

  /** Reuses a session without a page, or logs in. Throws a `Problem`. */
  async function warmSession(
    request: WarmRequest,
    caller: { readonly admin: string; readonly user: string | undefined },
    reuse: boolean,
    signal: CallerSignal,
  ): Promise<Warmed> {
    const { admin, user } = caller
    // An anonymous session belongs to no user, so no credentials can prove a right to it.
    if (reuse && user !== undefined) {
      const jid = formatJid(request.jid)
      if (await sessions.hasUnused(jid)) {
        await limits.acting(request, admin, () => checkCredentials(request, signal))
        signal.throwIfAborted()
        const { attachSeconds: seconds, attachBinding } = request
        const resumed = await sessions.reuse(jid, { seconds, attachBinding })
        if (resumed !== undefined) {
          await limits.uncount(caller)
          return { binding: { ...resumed, expiresIn: seconds }, isReused: true }
        }
      }
    }
    const isFull = user !== undefined && !(await room.take(user))
    if (isFull) throw new Problem('too-many-sessions')
    try {
      const binding = await limits.acting(request, admin, () => login(request, signal))
      return { binding, isReused: false }
    } finally {
      if (user !== undefined) room.giveBack(user)
    }
  }

  async function countedSession(
    request: WarmRequest,
    admin: string,
    { reuse, remember }: { readonly reuse: boolean; readonly remember: boolean },
    signal: CallerSignal,
  ): Promise<Warmed> {
    const user = request.credentials.kind === 'anonymous' ? undefined : formatBareJid(request.jid)
    const caller = { admin, user }
    await limits.count(caller)
    const warm = (request: WarmRequest) =>
      warmSession(request, caller, reuse, signal).finally(() => wipeSecrets(request))
    try {
      return await (remember ? rememberUser(request, admin, signal, warm) : warm(request))
    } catch (error) {
      // The limit must not block the retry.
      if (error instanceof Problem && error.code === 'shutting-down') await limits.uncount(caller)
      throw error
    }
  }

  return async ({ request, response, admin, representation, signal, line }: Call): Promise<undefined> => {
    const body = await readBody(request)
    const contentType = request.headers['content-type']
    const sent = readParameters(contentType, body)
    const isOurForm = formGuard.isOurForm(request, admin.name, sent('csrf_token'))
    if (isOurForm) form.note(request, body)
    const read = isOurForm ? readParameters(contentType, body, { sentForm: true }) : sent
    const wantsReuse = read('reuse') ?? false
    const remember = read('remember') ?? false
    const asked = toWarmRequest(read, config, (jid, credential) => {
      line['jid'] = formatBareJid(jid)
      return { kind: 'keys', proof: sealed.open(admin.name, jid, credential) }
    })
    const { jid, credentials } = asked
    line['jid'] = formatBareJid(jid)
    line['login'] = credentials.kind
    const account = accountOf(credentials)
    if (account !== undefined) line['account'] = formatBareJid({ local: account, domain: jid.domain })
    if (!allowsDomain(config.domains, jid.domain)) throw new Problem('domain-not-allowed')
    if (!allowsDomain(admin.domains, jid.domain)) throw new Problem('forbidden')
    if (remember) {
      const isOwnPassword = credentials.kind === 'password' && credentials.user === undefined
      if (!isOwnPassword || representation !== 'json') throw invalidParameter('remember')
      sealed.demandKeys()
    }

    const warmRequest = {
      ...asked,
      attachBinding: attachBindingFor(representation, asked.attachBinding),
      requestId: response.get('X-Request-Id'),
    }
    const wishes = { reuse: wantsReuse, remember }
    const { binding, isReused, credential } = await countedSession(warmRequest, admin.name, wishes, signal)
    line['id'] = binding.id
    if (wantsReuse) line['reused'] = isReused
    if (isReused) counts.reuses += 1
    const giveUp = () => {
      if (!isReused) endUnclaimed(binding.id)
    }
    if (signal.aborted) {
      giveUp()
      return
    }
    signal.addEventListener('abort', giveUp)
    try {
      const reused = wantsReuse ? isReused : undefined
      const about = { request, representation, domain: jid.domain, reused, credential, isOurForm }
      sendAnswer(response, bindingAnswer(binding, config, about))
    } catch (error) {
      giveUp()
      throw error
    }
  }
}

function accountOf(credentials: Credentials): string | undefined {
  if (credentials.kind === 'password') return credentials.user
  return credentials.kind === 'service' ? credentials.account.user : undefined
}
