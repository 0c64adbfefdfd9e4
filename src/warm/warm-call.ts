import type { Config } from '../config/config.js'
import type { FormGuard } from '../http/access/form-guard.js'
import { sendAnswer } from '../http/answers/answer.js'
import type { CallerSignal } from '../http/listening/caller-gone.js'
import { readBody } from '../http/listening/read-body.js'
import type { Counts } from '../lib/counts.js'
import { Problem } from '../lib/errors.js'
import type { Credentials } from '../servers/login/wish.js'
import type { UserRoom } from '../session/limits/user-room.js'
import type { Sessions } from '../session/session-types.js'
import { allowsDomain } from '../xmpp/jid/domains.js'
import { formatBareJid, formatJid } from '../xmpp/jid/jid.js'
import { type AnswerSettings, attachBindingFor, bindingAnswer } from './answers.js'
import type { CallLimits } from './call-limits.js'
import { readParameters } from './call-parameters.js'
import type { Call } from './calls.js'
import type { Binding, Logins, WarmRequest } from './session-login.js'
import type { WarmForm } from './warm-form.js'
import { toWarmRequest, type WarmSettings } from './warm-request.js'

export interface WarmCallParts extends Logins {
  readonly config: AnswerSettings & WarmSettings & Pick<Config, 'domains'>
  readonly counts: Pick<Counts, 'reuses'>
  readonly limits: CallLimits
  readonly sessions: Sessions
  readonly room: Pick<UserRoom, 'take' | 'giveBack'>
  readonly endUnclaimed: (id: string) => void
}

export function createWarmCall(parts: WarmCallParts, form: WarmForm, formGuard: FormGuard) {
  const { config, counts, limits, sessions, room, endUnclaimed, login, checkCredentials } = parts

  /** Reuses a session without a page, or logs in. Throws a `Problem`. */
  async function warmSession(
    request: WarmRequest,
    admin: string,
    reuse: boolean,
    signal: CallerSignal,
  ): Promise<{ readonly binding: Binding; readonly isReused: boolean }> {
    const isAnonymous = request.credentials.kind === 'anonymous'
    const user = isAnonymous ? undefined : formatBareJid(request.jid)
    const caller = { admin, user }
    await limits.count(caller)
    // An anonymous session belongs to no user, so no credentials can prove a right to it.
    if (reuse && !isAnonymous) {
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
    } catch (error) {
      // The limit must not block the retry.
      if (error instanceof Problem && error.code === 'shutting-down') await limits.uncount(caller)
      throw error
    } finally {
      if (user !== undefined) room.giveBack(user)
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
    const asked = toWarmRequest(read, config)
    const { jid, credentials } = asked
    line['jid'] = formatBareJid(jid)
    line['login'] = credentials.kind
    const account = accountOf(credentials)
    if (account !== undefined) line['account'] = formatBareJid({ local: account, domain: jid.domain })
    if (!allowsDomain(config.domains, jid.domain)) throw new Problem('domain-not-allowed')
    if (!allowsDomain(admin.domains, jid.domain)) throw new Problem('forbidden')

    const warmRequest = {
      ...asked,
      attachBinding: attachBindingFor(representation, asked.attachBinding),
      requestId: response.get('X-Request-Id'),
    }
    const { binding, isReused } = await warmSession(warmRequest, admin.name, wantsReuse, signal)
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
      const about = { request, representation, domain: jid.domain, reused, isOurForm }
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
