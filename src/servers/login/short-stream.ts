import { randomUUID } from 'node:crypto'
import { type CallerSignal, orGone, withDeadline } from '../../lib/caller-gone.js'
import { Problem } from '../../lib/errors.js'
import type { LinkEnd, OpenLink } from '../../xmpp/link.js'
import { startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
import { type LoginParts, login } from './login.js'
import type { LoginRequest } from './login-request.js'
import type { LoggedIn, Opened, OpenForLogin } from './login-types.js'
import { linkEnded } from './refusals.js'

/** Without a presence, a client gets hardly any stanzas of others. */
const mostUnasked = 100

interface Question {
  readonly id: string
  readonly to: string
  readonly resolve: (answer: string) => void
  readonly reject: (error: unknown) => void
}

export type ShortStream = ReturnType<typeof shortStream>

/**
 * Opens a stream of the service's own, for a few requests. Sends no presence, so nobody sees it. Throws a `Problem` after
 * closing the link. Call `close` at the end.
 */
export async function openShortStream(
  parts: LoginParts,
  connect: OpenLink,
  request: LoginRequest,
  caller: CallerSignal,
): Promise<ShortStream> {
  const open: OpenForLogin<Opened> = (options, events) => {
    const link = connect(request.jid.domain, { ...options, lang: 'en' }, events)
    return { link, abandon: () => link.abandon() }
  }
  const { mechanisms, saltedPasswords, scramMaxIterations, tokens, log, timeout, stepTimeout, pipelining } = parts
  // Without `linkResumeSeconds`, no FAST token is asked for, which nobody would use or give back.
  const own = { mechanisms, saltedPasswords, scramMaxIterations, tokens, log, timeout, stepTimeout, pipelining }
  return shortStream(await login(own, open, request, caller), caller, stepTimeout * 1000)
}

function shortStream({ opened: { link }, ended }: LoggedIn<Opened>, caller: CallerSignal, milliseconds: number) {
  let question: Question | undefined
  let end = ended()
  let unasked = 0

  function onEnd(how: LinkEnd): void {
    end = how
    question?.reject(linkEnded(how.failure, 'bind'))
  }

  function onUnasked(): void {
    unasked += 1
    if (unasked !== mostUnasked) return
    const detail = 'It sent many stanzas that nobody asked for.'
    question?.reject(new Problem('remote-protocol-error', { step: 'bind', detail }))
    link.abandon()
  }

  function onElement({ name, text }: Element): void {
    if (question !== undefined && name === 'iq' && isAnswer(text, question)) question.resolve(text)
    else onUnasked()
  }

  link.events = { onElement, onDropped: onUnasked, onEnd }
  return {
    /** Sends an IQ of type `set`. Resolves with the IQ of the answer, also if this is an error. */
    async ask(to: string, payload: string): Promise<string> {
      const id = randomUUID()
      const text = `<iq xmlns='jabber:client' type='set' to='${escapeXml(to)}' id='${id}'>${payload}</iq>`
      const answer = new Promise<string>((resolve, reject) => {
        question = { id, to, resolve, reject }
        if (end !== undefined) onEnd(end)
        else if (!caller.aborted) link.send([{ name: 'iq', namespace: 'jabber:client', text }], true)
      })
      try {
        return await withDeadline(caller, milliseconds, signal => orGone(answer, signal))
      } catch (error) {
        if (error instanceof Problem) throw error
        throw new Problem('timeout', { step: 'bind', detail: caller.aborted ? 'the caller left' : undefined })
      } finally {
        question = undefined
      }
    },

    close(): void {
      if (end === undefined) link.close()
    },
  }
}

function isAnswer(iq: string, { id, to }: Question): boolean {
  const tag = startTagOf(iq)
  if (!['result', 'error'].includes(tag.attribute('type') ?? '') || tag.attribute('id') !== id) return false
  // Without `from`, it is of the user's own account (RFC 6120 §8.1.2.1).
  return (tag.attribute('from') ?? to) === to
}
