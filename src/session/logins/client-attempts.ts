import type { Timer } from '../../lib/clock.js'
import { isLoginRequest, isOfSasl } from '../../xmpp/namespaces.js'
import { startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import type { Session } from '../session.js'
import type { LoginDelays } from './login-delays.js'
import { firstMessage, shownUser } from './shown-user.js'

const mostAttempts = 5

/** Counts the logins of one client, and holds each login back for the delay that `LoginDelays` returns. */
export class ClientAttempts {
  readonly #refusals: LoginDelays
  readonly #client: { readonly address: string; readonly domain: string }
  readonly #isLimited: boolean
  #unanswered: ReturnType<typeof attemptIn>
  #begun = 0
  refused = 0
  /** Number of held logins, including logins whose delay is not known yet. */
  #waiting = 0
  readonly #timers = new Set<Timer>()
  #isOver = false

  constructor(refusals: LoginDelays, address: string, domain: string) {
    this.#refusals = refusals
    this.#client = { address, domain }
    this.#isLimited = refusals.isLimited(this.#client)
  }

  get isSilent(): boolean {
    return this.#begun === 0
  }

  get areUsedUp(): boolean {
    return this.#begun > mostAttempts || this.refused >= mostAttempts
  }

  sent(element: Element, session: Session): void {
    const attempt = attemptIn(element)
    if (attempt === undefined) this.#complete(element)
    else {
      this.#begun += 1
      if (this.areUsedUp) return
      this.#unanswered = attempt
      if (this.#isLimited) this.#wait(session)
    }
  }

  received({ name, namespace }: Element, server: string | undefined): void {
    if (!isOfSasl(namespace) || (name !== 'success' && name !== 'failure')) return
    const attempt = this.#unanswered
    this.#unanswered = undefined
    if (name === 'failure') {
      this.refused += 1
      this.#refusals.refused(this.#client, attempt?.user, server)
    } else if (attempt !== undefined && this.#isLimited) this.#takeBack()
  }

  close(): void {
    this.#isOver = true
    for (const timer of this.#timers) timer.cancel()
    for (; this.#waiting > 0; this.#waiting -= 1) this.#takeBack()
  }

  #wait(session: Session): void {
    this.#waiting += 1
    session.uplink.hold()
    const go = () => {
      if (this.#isOver) return
      this.#waiting -= 1
      if (this.#waiting === 0) session.releaseUplink()
    }
    const waitFor = (milliseconds: number) => {
      if (milliseconds === 0 || this.#isOver) return go()
      const timer = this.#refusals.clock.after(milliseconds, () => {
        this.#timers.delete(timer)
        go()
      })
      this.#timers.add(timer)
    }
    // If counting fails, the login is not delayed.
    this.#refusals.begun(this.#client).then(waitFor, go)
  }

  /** The message that names the user may come in a later `<response/>` (RFC 6120 §6.4.3). */
  #complete(element: Element): void {
    if (element.name !== 'response' || !isOfSasl(element.namespace)) return
    const attempt = this.#unanswered
    if (attempt !== undefined) attempt.user ??= shownUser(attempt.mechanism, firstMessage(element))
  }

  #takeBack(): void {
    this.#refusals.takenBack(this.#client).catch(() => {})
  }
}

function attemptIn(element: Element) {
  const { name, namespace, text } = element
  if (!isLoginRequest(name, namespace)) return undefined
  const mechanism = startTagOf(text).attribute('mechanism') ?? ''
  return { mechanism, user: shownUser(mechanism, firstMessage(element)) }
}
