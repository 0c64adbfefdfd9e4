import { Problem } from '../errors.js'
import type { Exchange, Peer, Reply } from '../exchange.js'
import type { Failure, LinkEnd, LinkEvents } from '../link.js'
import { streamsNamespace } from '../namespaces.js'
import type { HandedOver, LoggedIn, Open, Opening, Upstream } from '../session/sessions.js'
import type { Element } from '../xml/element.js'
import { attribute, type Body, parseBody, writeBody, writeTerminate } from './body.js'
import { defaultContentType } from './terms.js'

/** Answers the BOSH requests of one login in this process, which come one at a time, by a session that is being opened. */
export class LoginExchange implements Upstream, LinkEvents {
  readonly #open: Open
  #opening: Opening | undefined
  #isNew = true
  #received: Element[] = []
  #end: LinkEnd | undefined
  #resolve: ((reply: Reply) => void) | undefined

  constructor(open: Open) {
    this.#open = open
  }

  readonly exchange: Exchange = (text, peer) =>
    new Promise(resolve => {
      this.#resolve = reply => queueMicrotask(() => resolve(reply))
      peer.whenGone = () => this.#opening?.abandon()
      const body = parseBody(text)
      if (this.#opening === undefined) this.#begin(body, peer)
      else if (body.restart === true) this.#opening.link.restart({ lang: body.lang, from: body.from })
      else if (body.payload.length > 0) this.#opening.link.send(body.payload, true)
      this.onFlush()
    })

  readonly handOver = async (_id: string, session: LoggedIn): Promise<HandedOver | undefined> =>
    this.#opening?.handOut(session.jid, [...session.strays, ...this.#received], session)

  readonly abandon = (): void => this.#opening?.abandon()

  onOpen(): void {}

  onElement(element: Element): void {
    this.#received.push(element)
  }

  onDrain(): void {}

  onEnd(end: LinkEnd): void {
    this.#end = end
    this.onFlush()
  }

  onFlush(): void {
    const resolve = this.#resolve
    if (resolve === undefined) return
    const element = this.#received.shift()
    if (element === undefined && this.#end === undefined) return
    this.#resolve = undefined
    if (element === undefined) resolve(this.#ended(this.#end!))
    else {
      // What is negotiated is known when the session is handed out.
      const terms = this.#isNew ? attribute('sid', '-') : ''
      this.#isNew = false
      resolve(this.#reply(writeBody(terms, element.text, element.namespace === streamsNamespace)))
    }
  }

  #begin({ to, lang = 'en', from, wait = 60, hold = 1, ver = '1.6' }: Body, { login }: Peer): void {
    try {
      const certificate = login!.certificate
      this.#opening = this.#open(to!, { lang, from, certificate, wait, hold, ver, login: login! }, this)
    } catch (error) {
      const { step, code } =
        error instanceof Problem ? error : { step: undefined, code: 'internal-error' as const }
      this.#end = { failure: { step: step ?? 'connect', code, cause: error } }
    }
  }

  #ended({ failure, streamError }: LinkEnd): Reply {
    if (failure.code === 'shutting-down') return this.#reply(writeTerminate('system-shutdown'))
    const condition = streamError === undefined ? 'remote-connection-failed' : 'remote-stream-error'
    return this.#reply(writeTerminate(condition, streamError), failure)
  }

  #reply(body: string, failure?: Failure): Reply {
    const facts: { id?: string; link?: Opening['link']['facts']; failure?: Failure } = {}
    if (this.#opening !== undefined)
      Object.assign(facts, { id: this.#opening.id, link: this.#opening.link.facts })
    if (failure !== undefined) facts.failure = failure
    return { status: 200, body, contentType: defaultContentType, facts }
  }
}
