import { randomUUID } from 'node:crypto'
import type { CallerSignal } from '../../lib/caller-gone.js'
import { Problem } from '../../lib/errors.js'
import type { Link, LinkEnd, LinkEvents, OpenLink } from '../../xmpp/link.js'
import { startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
import { type LoginParts, login } from './login.js'
import type { LoginRequest } from './login-request.js'
import type { Opened, OpenForLogin } from './login-types.js'
import { linkEnded } from './refusals.js'

/** Without a presence, a client gets hardly any stanzas of others. */
const mostUnasked = 100

interface Question {
  readonly id: string
  readonly to: string
  readonly resolve: (answer: string) => void
  readonly reject: (error: unknown) => void
}

/** A stream of the service's own, for a few requests. Sends no presence, so nobody sees it. */
export class ShortStream implements LinkEvents {
  readonly #link: Link
  readonly #caller: CallerSignal
  readonly #milliseconds: number
  #question: Question | undefined
  #end: LinkEnd | undefined
  #unasked = 0

  private constructor(link: Link, caller: CallerSignal, milliseconds: number) {
    this.#link = link
    this.#caller = caller
    this.#milliseconds = milliseconds
  }

  /** Throws a `Problem` after closing the link. Call `close` at the end. */
  static async open(
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
    const { opened, ended } = await login(own, open, request, caller)
    const stream = new ShortStream(opened.link, caller, stepTimeout * 1000)
    opened.link.events = stream
    stream.#end = ended()
    return stream
  }

  /** Sends an IQ of type `set`. Resolves with the IQ of the answer, also if this is an error. */
  async ask(to: string, payload: string): Promise<string> {
    const id = randomUUID()
    const leave = () => this.#fail(new Problem('timeout', { step: 'bind', detail: 'the caller left' }))
    const late = setTimeout(() => this.#fail(new Problem('timeout', { step: 'bind' })), this.#milliseconds)
    this.#caller.addEventListener('abort', leave)
    try {
      return await new Promise((resolve, reject) => {
        this.#question = { id, to, resolve, reject }
        if (this.#end !== undefined) return this.onEnd(this.#end)
        if (this.#caller.aborted) return leave()
        const text = `<iq xmlns='jabber:client' type='set' to='${escapeXml(to)}' id='${id}'>${payload}</iq>`
        this.#link.send([{ name: 'iq', namespace: 'jabber:client', text }], true)
      })
    } finally {
      this.#question = undefined
      clearTimeout(late)
      this.#caller.removeEventListener('abort', leave)
    }
  }

  close(): void {
    if (this.#end === undefined) this.#link.close()
  }

  onOpen(): void {}

  onElement({ name, text }: Element): void {
    const question = this.#question
    if (question !== undefined && name === 'iq' && isAnswer(text, question)) question.resolve(text)
    else this.onDropped()
  }

  onDropped(): void {
    this.#unasked += 1
    if (this.#unasked !== mostUnasked) return
    this.#fail(
      new Problem('remote-protocol-error', { step: 'bind', detail: 'It sent many stanzas that nobody asked for.' }),
    )
    this.#link.abandon()
  }

  onFlush(): void {}

  onDrain(): void {}

  onEnd(end: LinkEnd): void {
    this.#end = end
    this.#fail(linkEnded(end.failure, 'bind'))
  }

  #fail(problem: Problem): void {
    this.#question?.reject(problem)
  }
}

function isAnswer(iq: string, { id, to }: Question): boolean {
  const tag = startTagOf(iq)
  if (!['result', 'error'].includes(tag.attribute('type') ?? '') || tag.attribute('id') !== id) return false
  // Without `from`, it is of the user's own account (RFC 6120 §8.1.2.1).
  return (tag.attribute('from') ?? to) === to
}
