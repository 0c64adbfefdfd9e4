import { xml } from '@xmpp/client'
import type { XmlElement } from '@xmpp/xml'
import type { Logger } from 'pino'
import { Problem, type Step } from '../errors.js'
import type { SessionTerms } from '../handed-out.js'
import type { CallerSignal } from '../http/caller-gone.js'
import { withULabels } from '../jid/domains.js'
import type { LinkFacts } from '../link.js'
import { codeOf } from '../log.js'
import { judgeBound } from '../login/bound-user.js'
import { chooseMechanism, type MechanismParts } from '../login/mechanism-choice.js'
import type { Mechanism } from '../login/sasl/mechanism.js'
import { sessionNamespace } from '../namespaces.js'
import type { Upstream } from '../session/sessions.js'
import type { Element } from '../xml/element.js'
import type { WarmRequest } from './binding.js'
import { Foresight } from './foresight.js'
import { Handshake, type HandshakeEvents } from './handshake.js'
import { clientOver, type LoginClient, start } from './login-client.js'
import type { Offer } from './offer.js'

export interface AttemptParts extends MechanismParts {
  /** Has each step at level `debug`. */
  readonly log?: Logger | undefined
  readonly upstreamOf: (domain: string) => Upstream
  /** Longest time for the whole login, in seconds. */
  readonly timeout: number
  /** Longest time for a single step of it, in seconds. */
  readonly stepTimeout: number
}

/** A session that is logged in and still the login's. */
export interface BoundSession {
  readonly upstream: Upstream
  readonly id: string
  readonly terms: SessionTerms
  /** The full JID that the server bound. */
  readonly jid: string
  /** The next request id to send. */
  readonly rid: number
  /** Stanzas that came too early for the browser. */
  readonly strays: readonly Element[]
}

/** One login is one try, good for one call: through @xmpp/client, over BOSH to the upstream. */
export class LoginAttempt implements HandshakeEvents {
  readonly #parts: AttemptParts
  readonly #upstream: Upstream
  readonly #request: WarmRequest
  readonly #abort = new AbortController()
  readonly #handshake: Handshake
  readonly #client: LoginClient
  /** What there is to do once the user is in; undefined where the login goes on. */
  #whenAuthenticated: (() => void) | undefined
  #fail: (reason: unknown) => void = () => {}
  #stepTimer: NodeJS.Timeout | undefined
  readonly #since = performance.now()

  constructor(parts: AttemptParts, request: WarmRequest, foresight = new Foresight()) {
    this.#parts = parts
    this.#upstream = parts.upstreamOf(request.jid.domain)
    this.#request = request
    this.#handshake = new Handshake(this.#upstream.exchange, request, foresight, this)
    this.#client = clientOver(this.#handshake, request.jid.resource)
  }

  /** The name of the SASL mechanism at work, once it has been chosen. */
  get mechanism(): string | undefined {
    return this.#handshake.mechanism
  }

  /** Logs in and binds a resource. Throws a `Problem`, and leaves nothing open then. */
  bind(caller: CallerSignal): Promise<BoundSession> {
    return this.#run(caller, async () => {
      const jid = await start(this.#client, this.#handshake)
      if (this.#handshake.sessionRequired) {
        await this.#client.iqCaller.set(xml('session', { xmlns: sessionNamespace }))
      }
      return this.#boundSession(jid)
    })
  }

  /** Logs in and leaves before a resource is bound. Throws a `Problem`. */
  async authenticate(caller: CallerSignal): Promise<void> {
    await this.#run(caller, async () => {
      const authenticated = new Promise<void>(resolve => {
        this.#whenAuthenticated = resolve
      })
      this.#handshake.open()
      await authenticated
    })
    this.#clear(undefined)
  }

  async #run<T>(caller: CallerSignal, work: () => Promise<T>): Promise<T> {
    const late = (detail?: string) =>
      this.#fail(new Problem('timeout', { step: this.#handshake.step, detail }))
    const leave = () => late('the caller left')
    const deadline = setTimeout(late, this.#parts.timeout * 1000)
    this.#stepTimer = setTimeout(late, this.#parts.stepTimeout * 1000)
    caller.addEventListener('abort', leave, { once: true })
    this.#note({ step: this.#handshake.step })
    try {
      const outcome = await new Promise<T>((resolve, reject) => {
        this.#fail = reject
        if (caller.aborted) return leave()
        this.#client.entity.on('error', reject)
        work().then(resolve, reject)
      })
      this.#note({ code: 'ok' })
      return outcome
    } catch (error) {
      this.#clear(error)
      const problem = toProblem(error, this.#handshake.step)
      const { step, code, condition, cause } = problem
      this.#note({ step, code, condition, cause: codeOf(cause) })
      throw problem
    } finally {
      clearTimeout(deadline)
      clearTimeout(this.#stepTimer)
      caller.removeEventListener('abort', leave)
    }
  }

  onStep(step: Step): void {
    this.#stepTimer?.refresh()
    this.#note({ step })
  }

  onOffer(offer: Offer, link: LinkFacts): Mechanism {
    const mechanism = chooseMechanism(this.#request, { link, waiting: this.#abort, ...offer }, this.#parts)
    this.#note({ mechanism: mechanism.name, encrypted: link.encrypted })
    // The only one that the library has: those that come with it are slow, or do not check the server.
    Object.assign(this.#client.saslFactory, { _mechs: [mechanism], create: () => mechanism })
    return mechanism
  }

  onAuthenticated(): boolean {
    this.#whenAuthenticated?.()
    return this.#whenAuthenticated === undefined
  }

  onElement(element: XmlElement): void {
    // Of an `element` all of the library's parts hear, one promise after the other; SASL listens to a `nonza`.
    this.#client.entity.emit(element.name === 'features' ? 'element' : 'nonza', element)
  }

  onFailure(problem: Problem): void {
    this.#fail(problem)
  }

  /** A page can do nothing without a full JID, and must not get that of somebody else. */
  #boundSession(jid: string): BoundSession {
    const { id, terms, nextRid, strays } = this.#handshake
    const judgement = judgeBound(jid, this.#request)
    if (judgement === 'another-user') throw new Problem('jid-mismatch', { step: 'bind' })
    if (judgement === 'no-full-jid' || id === undefined || terms === undefined)
      throw new Problem('remote-protocol-error', { step: 'bind' })
    return { upstream: this.#upstream, id, terms, jid, rid: nextRid, strays }
  }

  /** Tells the log how far the login has come; never of what is said in it. */
  #note(about: object): void {
    const { log } = this.#parts
    if (log?.isLevelEnabled('debug') !== true) return
    const { requestId, jid } = this.#request
    const ms = Math.round(performance.now() - this.#since)
    log.debug({ requestId, domain: withULabels(jid.domain), ...about, ms }, 'login')
  }

  /** Leaves nothing behind: no session, no timer, no hash in a queue. */
  #clear(reason: unknown): void {
    this.#abort.abort(reason)
    this.#handshake.leave()
    if (this.#handshake.id !== undefined) this.#upstream.abandon(this.#handshake.id)
  }
}

function toProblem(error: unknown, step: Step): Problem {
  if (error instanceof Problem) return error
  // Nothing but the answers to its requests is left for the library to stumble over: no JID in one, or no condition.
  if (step === 'bind') return new Problem('remote-protocol-error', { step, cause: error })
  return new Problem('internal-error', { step, cause: error })
}
