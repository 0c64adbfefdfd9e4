import type { Step } from '../../lib/errors.js'
import type { Element } from '../../xmpp/xml/element.js'
import { isFull } from './bound-jid.js'
import type { ClientAttempts, Gate } from './client-attempts.js'
import type { LoggedIn, LoginWatch, Screened } from './login-watch.js'

export class ClientLogin {
  readonly #watch: LoginWatch
  readonly #attempts: ClientAttempts

  constructor(watch: LoginWatch, attempts: ClientAttempts) {
    this.#watch = watch
    this.#attempts = attempts
  }

  get end(): number {
    return this.#watch.end
  }

  get step(): Step {
    return this.#watch.step
  }

  get isUsedUp(): boolean {
    return this.#attempts.areUsedUp
  }

  screen(elements: readonly Element[], gate: Gate): Screened | 'policy-violation' | 'refused-logins' {
    const screened = this.#watch.screen(elements)
    if (screened === undefined) return 'policy-violation'
    for (const element of screened.passed) this.#attempts.sent(element, gate)
    return this.isUsedUp ? 'refused-logins' : screened
  }

  /** `server` is host and port. */
  received(element: Element, server: string | undefined): LoggedIn | undefined {
    this.#attempts.received(element, server)
    return this.#watch.received(element)
  }

  restart(to: string | undefined): boolean {
    return this.#watch.restart(to)
  }

  mayBecome(jid: string): boolean {
    return !isFull(jid) && this.#watch.mayBecome(jid)
  }

  close(): void {
    this.#attempts.close()
  }
}
