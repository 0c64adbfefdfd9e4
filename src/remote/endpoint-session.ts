import type { Step } from '../errors.js'
import type { SessionTerms } from '../handed-out.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Failure } from '../link.js'
import { boshNamespace } from '../namespaces.js'
import { readTerms } from '../session-terms.js'
import { escapeXml } from '../xml/escape.js'
import type { Endpoint } from './endpoint.js'
import type { EndpointReply } from './endpoint-reply.js'
import { RemoteFault } from './fault.js'

export interface EndpointSessionParts {
  /** Where the session is to be; rejects with a `RemoteFault`. */
  readonly endpoint: Promise<Endpoint>
  readonly clock: Clock
  /** Whose users the session is for. */
  readonly domain: string
  /** Hears why a request for that domain came to nothing. */
  readonly onFailed?: (domain: string, failure: Failure) => void
  /** The sessions that have or may have something open; this one is in it for as long as it does. */
  readonly open: Set<EndpointSession>
}

/** A request of a session, which knows its rid. */
export interface SessionRequest {
  readonly rid: number
  readonly body: string
  /** Whether it asks for nothing but what there is to hear. */
  readonly isEmpty: boolean
  /** How long the creation reply may take, in seconds; all others wait for as long as was agreed then. */
  readonly wait?: number
  readonly reached?: ((step: Step) => void) | undefined
}

/** How long the end of a session may take at the endpoint, in seconds. */
const closeSeconds = 5

/** How long a session that is to end may take to be created, in seconds; some endpoints wait for their server first. */
const creationSeconds = 10

/**
 * How much later than the one before a request leaves, in milliseconds, and where that made a connection: the later one
 * could be the first to arrive, and ejabberd then answers neither of the two.
 */
const apart = 20
const apartFromNew = 100

/** `live` until either side ends it, `ending` while something of it is still open. */
type Phase = 'live' | 'ending' | 'over'

/** A session at a remote endpoint as its client sees it; leaves neither it nor a request behind. */
export class EndpointSession {
  readonly #parts: EndpointSessionParts
  #abort = new AbortController()
  #endpoint: Endpoint | undefined
  #phase: Phase = 'live'
  #lastRid = 0
  /** The last of those that have left, as far as can be told. */
  #leftRid = 0
  /** Requests that are open, that which ends the session among them. */
  #asking = 0
  #lastWords = ''
  /** Resolves when the last request has most likely arrived. */
  #arrived: Promise<void> = Promise.resolve()
  /** When the last empty request was sent, if nothing came of it. */
  #fruitlessSince: number | undefined
  #limit: Timer | undefined
  /** What was agreed; undefined before the creation reply. */
  terms: SessionTerms | undefined

  constructor(parts: EndpointSessionParts) {
    this.#parts = parts
    parts.open.add(this)
  }

  /** Where it is, once that is known. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoint
  }

  get isLive(): boolean {
    return this.#phase === 'live'
  }

  /** The time before which no empty request is to be sent, in milliseconds of the clock (XEP-0124 §11, §12). */
  get mayAskAt(): number {
    if (this.#fruitlessSince === undefined || this.terms === undefined) return 0
    return this.#fruitlessSince + this.terms.polling * 1000
  }

  /** Sends a request; the first one creates the session. Rejects with a `RemoteFault`. */
  async ask({ rid, body, isEmpty, wait = 0, reached }: SessionRequest): Promise<EndpointReply> {
    if (this.#phase !== 'live') throw new RemoteFault({ step: 'connect', code: 'remote-connection-failed' })
    const creates = this.#lastRid === 0
    const askedAt = this.#parts.clock.now()
    const { signal } = this.#abort
    this.#lastRid = Math.max(this.#lastRid, rid)
    try {
      const reply = await this.#inOrder(async hasLeft => {
        const leaves = (isNew: boolean) => {
          this.#leftRid = Math.max(this.#leftRid, rid)
          hasLeft(isNew)
        }
        this.#endpoint ??= await this.#parts.endpoint
        if (signal.aborted) throw new RemoteFault({ step: 'connect', code: 'remote-connection-failed' })
        return this.#endpoint.exchange(body, this.terms?.wait ?? wait, creates, { signal, reached, leaves })
      })
      // One that a later request released tells nothing of the endpoint's patience.
      if (rid === this.#lastRid)
        this.#fruitlessSince = isEmpty && reply.payload.length === 0 ? askedAt : undefined
      if (reply.end !== undefined) this.#wind()
      else if (creates) this.#begin(reply)
      return reply
    } catch (error) {
      const { domain, onFailed } = this.#parts
      // What we broke off ourselves did not fail.
      if (error instanceof RemoteFault && !signal.aborted) onFailed?.(domain, error.failure)
      // Without a reply to the first request there is nothing that could be ended.
      if (creates || (error instanceof RemoteFault && error.aftermath === 'ended')) this.#wind()
      throw error
    } finally {
      this.#answered()
    }
  }

  /**
   * Ends the session at the endpoint, as well as can be, with `lastWords` for the XMPP server. Where it is only being
   * created, that is waited for: nobody could end it otherwise.
   */
  end(lastWords = ''): void {
    if (this.#phase !== 'live') return
    this.#parts.open.add(this)
    this.#lastWords = lastWords
    this.#wind()
    if (this.terms !== undefined) void this.#terminate(this.terms)
    // Where it is looked for is no session yet.
    else if (this.#asking === 0 || this.#endpoint === undefined) this.#finish()
  }

  /** Ends the session, and breaks off what is open first. */
  abandon(): void {
    if (this.terms !== undefined && this.#phase === 'live') {
      this.#abort.abort()
      this.#abort = new AbortController()
      // The end would wait at the endpoint for a request before it that never comes.
      this.#lastRid = this.#leftRid
    }
    this.end()
  }

  /** Lets go of the session: it lives on, and somebody else talks to the endpoint. It can still be ended. */
  leave(): void {
    this.#parts.open.delete(this)
  }

  #begin({ root }: EndpointReply): void {
    this.terms = readTerms(root)
    if (this.terms === undefined) throw new RemoteFault({ step: 'features', code: 'remote-protocol-error' })
    if (this.#phase === 'ending') void this.#terminate(this.terms)
  }

  async #terminate({ sid }: SessionTerms): Promise<void> {
    const rid = ++this.#lastRid
    const start = `<body rid='${rid}' sid='${escapeXml(sid)}' type='terminate' xmlns='${boshNamespace}'`
    const body = this.#lastWords === '' ? `${start}/>` : `${start}>${this.#lastWords}</body>`
    this.#finishWithin(closeSeconds)
    // Whatever becomes of it, nobody waits for more.
    await this.#inOrder(async () => this.#endpoint!.post(body, 0, { signal: this.#abort.signal })).catch(
      () => {},
    )
    this.#answered()
  }

  /** Sends a request when the one before has been answered, or has most likely arrived. */
  async #inOrder<T>(send: (leaves: (isNew: boolean) => void) => Promise<T>): Promise<T> {
    const before = this.#arrived
    let arrived = () => {}
    let timer: Timer | undefined
    this.#asking += 1
    this.#arrived = new Promise(resolve => {
      arrived = resolve
    })
    try {
      await before
      return await send(isNew => {
        timer ??= this.#parts.clock.after(isNew ? apartFromNew : apart, arrived)
      })
    } finally {
      timer?.cancel()
      arrived()
    }
  }

  #answered(): void {
    this.#asking -= 1
    if (this.#phase === 'ending' && this.#asking === 0) this.#finish()
  }

  /** From here on only what is open is waited for, and not for long. */
  #wind(): void {
    if (this.#phase !== 'live') return
    this.#phase = 'ending'
    this.#finishWithin(this.terms === undefined ? creationSeconds : closeSeconds)
  }

  #finishWithin(seconds: number): void {
    this.#limit?.cancel()
    this.#limit = this.#parts.clock.after(seconds * 1000, () => this.#finish())
  }

  #finish(): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#limit?.cancel()
    this.#abort.abort()
    this.#parts.open.delete(this)
  }
}
