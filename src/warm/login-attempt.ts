import { randomUUID } from 'node:crypto'
import { type Client, client, xml } from '@xmpp/client'
import { Problem, type Step } from '../errors.js'
import type { LinkFacts, SessionTerms } from '../exchange.js'
import { sessionNamespace } from '../namespaces.js'
import type { Mechanism } from '../sasl/mechanism.js'
import type { Upstream } from '../sessions.js'
import type { Element } from '../xml/scanner.js'
import type { WarmRequest } from './binding.js'
import { judgeBound } from './bound-jid.js'
import { Handshake, type HandshakeEvents } from './handshake.js'
import { chooseMechanism, type MechanismParts } from './mechanism-choice.js'
import type { Offer } from './offer.js'
import { BoshTransport } from './transport.js'

export interface AttemptParts extends MechanismParts {
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
  readonly #client: Client
  #boundJid = ''
  /** What there is to do once the user is in; undefined where the login goes on. */
  #whenAuthenticated: (() => void) | undefined
  #fail: (reason: unknown) => void = () => {}
  #stepTimer: NodeJS.Timeout | undefined

  constructor(parts: AttemptParts, request: WarmRequest) {
    this.#parts = parts
    this.#upstream = parts.upstreamOf(request.jid.domain)
    this.#request = request
    this.#handshake = new Handshake(this.#upstream.exchange, request, this)
    this.#client = this.#createClient()
  }

  /** Logs in and binds a resource. Throws a `Problem`, and leaves nothing open then. */
  bind(caller: AbortSignal): Promise<BoundSession> {
    return this.#run(caller, async () => {
      await this.#client.start()
      if (this.#handshake.sessionRequired) {
        await this.#client.iqCaller.set(xml('session', { xmlns: sessionNamespace }))
      }
      return this.#boundSession()
    })
  }

  /** Logs in and leaves before a resource is bound. Throws a `Problem`. */
  async authenticate(caller: AbortSignal): Promise<void> {
    await this.#run(caller, async () => {
      const authenticated = new Promise<void>(resolve => {
        this.#whenAuthenticated = resolve
      })
      await Promise.race([authenticated, this.#client.start()])
    })
    this.#clear(undefined)
  }

  async #run<T>(caller: AbortSignal, work: () => Promise<T>): Promise<T> {
    const late = (detail?: string) =>
      this.#fail(new Problem('timeout', { step: this.#handshake.step, detail }))
    const leave = () => late('the caller left')
    const deadline = setTimeout(late, this.#parts.timeout * 1000)
    this.#stepTimer = setTimeout(late, this.#parts.stepTimeout * 1000)
    caller.addEventListener('abort', leave, { once: true })
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#fail = reject
        if (caller.aborted) leave()
        this.#client.on('error', reject)
        work().then(resolve, reject)
      })
    } catch (error) {
      this.#clear(error)
      throw toProblem(error, this.#handshake.step)
    } finally {
      clearTimeout(deadline)
      clearTimeout(this.#stepTimer)
      caller.removeEventListener('abort', leave)
    }
  }

  onStep(): void {
    this.#stepTimer?.refresh()
  }

  onOffer(offer: Offer, link: LinkFacts): Mechanism {
    const { signal } = this.#abort
    const mechanism = chooseMechanism(this.#request, { ...offer, link, signal }, this.#parts)
    // The library calls it with `new`; what a constructor returns is what it made.
    this.#client.saslFactory.use(mechanism.name, function create() {
      return mechanism
    })
    return mechanism
  }

  onAuthenticated(): boolean {
    this.#whenAuthenticated?.()
    return this.#whenAuthenticated === undefined
  }

  onFailure(problem: Problem): void {
    this.#fail(problem)
  }

  #createClient(): Client {
    const { jid, language } = this.#request
    const created = client({
      service: this.#handshake,
      domain: jid.domain,
      lang: language,
      resource: jid.resource,
      // It has been chosen already, and is the only one that the library sees.
      credentials: (authenticate, [mechanism]) => authenticate({}, mechanism!),
    })
    created.reconnect.stop()
    // Puts the method of the class back: a handshake is no address to look up.
    delete created.connect
    created.transports = [BoshTransport]
    // The mechanisms that come with the library are slow or do not check the server; none of them is kept.
    created.saslFactory._mechs.length = 0
    // The library would escape and fold what the server has bound.
    created._jid = bound => {
      // A part of a text keeps the whole; this one stays for as long as the session.
      this.#boundJid = Buffer.from(bound ?? '').toString()
    }
    // The library gives an opening stream a timer of its own; the login's deadlines are enough.
    created.timeout = 0
    const { iqCaller } = created
    iqCaller.request = stanza =>
      new Promise((resolve, reject) => {
        // Ids of the library can be guessed, and then answered by somebody else.
        const id = randomUUID()
        stanza.attrs['id'] = id
        this.#handshake.askedWith = id
        iqCaller.handlers.set(id, { resolve, reject })
        created.send(stanza).catch(reject)
      })
    return created
  }

  /** A page can do nothing without a full JID, and must not get that of somebody else. */
  #boundSession(): BoundSession {
    const { id, terms, nextRid, strays } = this.#handshake
    const judgement = judgeBound(this.#boundJid, this.#request)
    if (judgement === 'another-user') throw new Problem('jid-mismatch', { step: 'bind' })
    if (judgement === 'no-full-jid' || id === undefined || terms === undefined)
      throw new Problem('remote-protocol-error', { step: 'bind' })
    return { upstream: this.#upstream, id, terms, jid: this.#boundJid, rid: nextRid, strays }
  }

  /** Leaves nothing behind: no session, no timer, no hash in a queue. */
  #clear(reason: unknown): void {
    this.#abort.abort(reason)
    this.#handshake.leave()
    if (this.#handshake.id !== undefined) this.#upstream.abandon(this.#handshake.id)
    // The library hears of it through its requests only. Of an `error` event while the stream opens it makes a
    // rejection that nobody handles, and that would end the process.
    for (const { reject } of this.#client.iqCaller.handlers.values()) reject(reason)
  }
}

function toProblem(error: unknown, step: Step): Problem {
  if (error instanceof Problem) return error
  const { name, condition } = (error ?? {}) as { name?: string; condition?: string }
  if (name === 'StanzaError') {
    return new Problem(condition === 'conflict' ? 'conflict' : 'bind-refused', { step: 'bind', condition })
  }
  if (name === 'TimeoutError') return new Problem('timeout', { step })
  // Nothing but the answers to its requests is left for the library to stumble over: no JID in one, or no condition.
  if (step === 'bind') return new Problem('remote-protocol-error', { step, cause: error })
  return new Problem('internal-error', { step, cause: error })
}
