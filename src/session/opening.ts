import type { Step } from '../errors.js'
import type { HandedOut } from '../handed-out.js'
import type { Failure, Link, LinkEnd, LinkEvents, StreamHeader } from '../link.js'
import type { Element, Fate } from '../xml/element.js'
import type { Client, Successor } from './client.js'
import type { Session } from './session.js'
import type { Handover, Opening, OpenWish } from './sessions.js'

/** Makes the client of a session that has been logged in, and what its page goes on with. It is the transport's. */
export type Attach = (session: Session, wish: OpenWish, handover: Handover) => Successor

/**
 * A session while a login of this process goes on: the session's client until it is handed out, and what hears the link
 * in the meantime.
 */
export class LoginOpening implements Opening, Client, LinkEvents {
  readonly #session: Session
  readonly #wish: OpenWish
  readonly #attach: Attach
  /** Undefined once the login has given up, has been told of the end, or is done. */
  #login: LinkEvents | undefined
  #end: LinkEnd = { failure: { step: 'features', code: 'remote-connection-failed' } }
  readonly isPresent = true
  readonly deadline = Number.POSITIVE_INFINITY

  constructor(session: Session, wish: OpenWish, attach: Attach, login: LinkEvents) {
    this.#session = session
    this.#wish = wish
    this.#attach = attach
    this.#login = login
  }

  get id(): string {
    return this.#session.id
  }

  get link(): Link {
    return this.#session.link
  }

  async handOut(
    jid: string,
    undelivered: readonly Element[],
    handover: Handover,
  ): Promise<HandedOut | undefined> {
    if (!this.#session.isLive) return undefined
    const { client, handedOut } = this.#attach(this.#session, this.#wish, handover)
    this.#login = undefined
    this.link.events = this.#session
    this.#session.handOut(client, jid, undelivered, handover.seconds)
    return handedOut
  }

  abandon(): void {
    this.#login = undefined
    this.#session.guard(() => this.#session.abandon('unclaimed'))
  }

  // What the link tells.

  onStep(step: Step): void {
    this.#login?.onStep?.(step)
  }

  onAhead(): void {
    this.#login?.onAhead?.()
  }

  onOpen(header: StreamHeader): void {
    this.#login?.onOpen(header)
  }

  onElement(element: Element): void {
    this.#session.heardInLogin(element)
    this.#login?.onElement(element)
  }

  onUnfit(fate: Fate): void {
    this.#session.onUnfit(fate)
  }

  onFlush(): void {
    this.#login?.onFlush()
  }

  onDrain(): void {
    this.#login?.onDrain()
  }

  onEnd(end: LinkEnd): void {
    this.#end = end
    this.#session.onEnd(end)
  }

  // What the session asks of its client.

  tick(): void {}

  flush(): void {
    const { outcome } = this.#session
    if (outcome === undefined) return
    if (outcome.reason === 'shutdown')
      this.#endFor({ step: 'features', code: 'shutting-down', condition: 'system-shutdown' })
    this.#session.abandon(outcome.reason)
  }

  dismiss(): void {}

  close(): void {
    const login = this.#login
    this.#login = undefined
    login?.onEnd(this.#end)
  }

  fail(): void {
    // An error that the link has caught is its own end.
    if (this.#end.failure.code !== 'internal-error') this.#endFor({ step: 'connect', code: 'internal-error' })
    this.close()
  }

  succeed(): undefined {
    return undefined
  }

  #endFor(failure: Failure): void {
    this.#end = { failure }
  }
}
