import { randomUUID } from 'node:crypto'
import { type Client, client, xml } from '@xmpp/client'
import { Problem, type Step } from '../errors.js'
import { sessionNamespace } from '../namespaces.js'
import type { Mechanism } from '../sasl/mechanism.js'
import { Plain } from '../sasl/plain.js'
import type { SaltedPasswords } from '../sasl/salted-passwords.js'
import { Scram, type ScramName, scramHashes } from '../sasl/scram.js'
import type { Upstream } from '../sessions.js'
import type { Binding, Login, WarmRequest } from './binding.js'
import { Handshake } from './handshake.js'
import { BoshTransport } from './transport.js'

export interface LoginParts {
  readonly upstreamOf: (domain: string) => Upstream
  readonly saltedPasswords: SaltedPasswords
  readonly scramMaxIterations: number
  /** Longest time for the whole login, in seconds. */
  readonly timeout: number
}

/** The strongest mechanism first; one is tried, and none after it (RFC 6120 §13.8). */
const preference = [...(Object.keys(scramHashes) as ScramName[]), 'PLAIN'] as const

/** Logs users in through @xmpp/client, over BOSH to the upstream. */
export function createLogin(parts: LoginParts): Login {
  return (request, signal) => new LoginAttempt(parts, request, signal).run()
}

/** One login is one try. */
class LoginAttempt {
  readonly #parts: LoginParts
  readonly #upstream: Upstream
  readonly #request: WarmRequest
  readonly #caller: AbortSignal
  readonly #abort = new AbortController()
  readonly #handshake: Handshake
  readonly #client: Client
  #fail: (reason: unknown) => void = () => {}

  constructor(parts: LoginParts, request: WarmRequest, caller: AbortSignal) {
    this.#parts = parts
    this.#upstream = parts.upstreamOf(request.jid.domain)
    this.#request = request
    this.#caller = caller
    this.#handshake = new Handshake(this.#upstream.exchange, request, problem => this.#fail(problem))
    this.#client = this.#createClient()
  }

  async run(): Promise<Binding> {
    const { timeout } = this.#parts
    const deadline = setTimeout(
      () => this.#fail(new Problem('timeout', { step: this.#handshake.step })),
      timeout * 1000,
    )
    const leave = () =>
      this.#fail(new Problem('timeout', { step: this.#handshake.step, detail: 'the caller left' }))
    this.#caller.addEventListener('abort', leave, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        this.#fail = reject
        if (this.#caller.aborted) leave()
        this.#client.on('error', reject)
        this.#negotiate().then(resolve, reject)
      })
      return this.#binding()
    } catch (error) {
      this.#clear(error)
      throw toProblem(error, this.#handshake.step)
    } finally {
      clearTimeout(deadline)
      this.#caller.removeEventListener('abort', leave)
    }
  }

  async #negotiate(): Promise<void> {
    await this.#client.start()
    if (this.#handshake.sessionRequired) {
      await this.#client.iqCaller.set(xml('session', { xmlns: sessionNamespace }))
    }
  }

  #createClient(): Client {
    const { jid, language } = this.#request
    const created = client({
      service: this.#handshake,
      domain: jid.domain,
      lang: language,
      resource: jid.resource,
      credentials: (authenticate, offered) => {
        const name = preference.find(
          candidate => offered.includes(candidate) && (candidate !== 'PLAIN' || this.#handshake.plainAllowed),
        )
        if (name === undefined) throw new Problem('no-mechanism', { step: 'sasl' })
        return authenticate({}, name)
      },
    })
    created.reconnect.stop()
    // Puts the method of the class back: a handshake is no address to look up.
    delete created.connect
    created.transports = [BoshTransport]
    // The mechanisms that come with the library are slow or do not check the server; none of them is kept.
    created.saslFactory._mechs.length = 0
    for (const name of preference) {
      // The library calls it with `new`; what a constructor returns is what it made.
      created.saslFactory.use(name, function create() {
        return attempt.#startMechanism(name)
      })
    }
    const attempt = this
    // The library gives an opening stream a timer of its own; the login's deadline is enough.
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

  #startMechanism(name: (typeof preference)[number]): Mechanism {
    const { jid, password } = this.#request
    const mechanism =
      name === 'PLAIN'
        ? new Plain(jid.local, password)
        : new Scram(name, {
            user: jid.local,
            password,
            saltedPasswords: this.#parts.saltedPasswords,
            maxIterations: this.#parts.scramMaxIterations,
            signal: this.#abort.signal,
          })
    this.#handshake.mechanism = mechanism
    return mechanism
  }

  #binding(): Binding {
    const { terms, id, nextRid, strays } = this.#handshake
    const jid = this.#client.jid?.toString()
    // The library takes whatever it is told; a page can do nothing without a full JID.
    if (terms === undefined || id === undefined || jid === undefined || !/^[^@/]+@[^@/]+\/./.test(jid))
      throw new Problem('remote-protocol-error', { step: 'bind' })
    const { attachSeconds: seconds, attachBinding } = this.#request
    const handedOver = this.#upstream.handOver(id, { jid, seconds, strays, attachBinding })
    if (handedOver === undefined) throw new Problem('remote-connection-failed', { step: 'bind' })
    return { jid, rid: nextRid, id, expiresIn: seconds, ...terms, ...handedOver }
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
  if (name === 'SASLError') return new Problem('no-mechanism', { step: 'sasl' })
  if (name === 'TimeoutError') return new Problem('timeout', { step })
  // Nothing but the answers to its requests is left for the library to stumble over: no JID in one, or no condition.
  if (step === 'bind') return new Problem('remote-protocol-error', { step, cause: error })
  return new Problem('internal-error', { step, cause: error })
}
