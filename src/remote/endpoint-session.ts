import { randomInt } from 'node:crypto'
import type { Step } from '../errors.js'
import type { SessionTerms } from '../handed-out.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Failure } from '../link.js'
import { boshNamespace } from '../namespaces.js'
import { escapeXml } from '../xml/escape.js'
import type { Endpoint } from './endpoint.js'
import { type EndpointReply, readTerms } from './endpoint-reply.js'
import { RemoteFault } from './fault.js'

/** What is asked for when a session is created (XEP-0124 §7.1); what the endpoint grants counts. `wait` is in seconds. */
export type WantedTerms = Pick<SessionTerms, 'wait' | 'hold' | 'ver'>

/** For a session that lasts; `wait` is below the minute after which proxies give up. */
const usualTerms: WantedTerms = { wait: 50, hold: 1, ver: '1.6' }

export interface EndpointSessionParts {
  /** The endpoint that the session is created at; rejects with a `RemoteFault`. */
  readonly endpoint: Promise<Endpoint>
  readonly clock: Clock
  /** The domain of the session's user. */
  readonly domain: string
  readonly terms?: WantedTerms
  /** Called with the reason where a request for that domain fails. */
  readonly onFailed?: (domain: string, failure: Failure) => void
  /** The sessions that may have something open at an endpoint; this one is in it for as long as it does. */
  readonly open: Set<EndpointSession>
}

function creation({ wait, hold, ver }: WantedTerms): string {
  return ` wait='${wait}' hold='${hold}' ver='${escapeXml(ver)}' content='text/xml; charset=utf-8' xmpp:version='1.0'`
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

/** The client's side of a session at a remote endpoint: rids, order, and an end that leaves nothing open there. */
export class EndpointSession {
  readonly #parts: EndpointSessionParts
  readonly #reached: (step: Step) => void
  #abort = new AbortController()
  #endpoint: Endpoint | undefined
  #phase: Phase = 'live'
  #lastRid = randomInt(1, 2 ** 47)
  /** The last request that has left, as far as can be known. */
  #leftRid = 0
  /** Requests that are open, the one that ends the session among them. */
  #asking = 0
  #lastWords = ''
  /** Resolves when the last request has most likely arrived. */
  #arrived: Promise<void> = Promise.resolve()
  /** When the last empty request was sent, if its reply was empty. */
  #fruitlessSince: number | undefined
  #limit: Timer | undefined
  /** What was agreed; undefined before the creation reply. */
  terms: SessionTerms | undefined

  /** `reached` is called with how far the connection has come that creates the session. */
  constructor(parts: EndpointSessionParts, reached: (step: Step) => void) {
    this.#parts = parts
    this.#reached = reached
    parts.open.add(this)
  }

  /** The time before which no empty request is to be sent, in milliseconds of the clock (XEP-0124 §11, §12). */
  get mayAskAt(): number {
    if (this.#fruitlessSince === undefined || this.terms === undefined) return 0
    return this.#fruitlessSince + this.terms.polling * 1000
  }

  /** Sends a request; the first creates the session, no other leaves before its reply. Rejects with a `RemoteFault`. */
  async ask(attributes: string, payload: string): Promise<EndpointReply> {
    const isLive = this.#phase === 'live'
    if (!isLive) throw new RemoteFault({ step: 'connect', code: 'remote-connection-failed' })
    const { clock, domain, onFailed, terms: wanted = usualTerms } = this.#parts
    const creates = this.terms === undefined
    const { wait } = this.terms ?? wanted
    const askedAt = clock.now()
    const { signal } = this.#abort
    const body = this.#body(creates ? attributes + creation(wanted) : attributes, payload)
    const rid = this.#lastRid
    const reached = creates ? this.#reached : undefined
    try {
      const reply = await this.#inOrder(async hasLeft => {
        const leaves = (isNew: boolean) => {
          this.#leftRid = Math.max(this.#leftRid, rid)
          hasLeft(isNew)
        }
        this.#endpoint ??= await this.#parts.endpoint
        signal.throwIfAborted()
        return this.#endpoint.exchange(body, wait, creates, { signal, reached, leaves })
      })
      const isFruitless = attributes === '' && payload === '' && reply.payload.length === 0
      // The endpoint releases a request when a later one arrives, which says nothing of how often it may be asked.
      if (rid === this.#lastRid) this.#fruitlessSince = isFruitless ? askedAt : undefined
      if (reply.end !== undefined) this.#wind()
      else if (creates) {
        this.terms = readTerms(reply.root)
        if (this.terms === undefined)
          throw new RemoteFault({ step: 'features', code: 'remote-protocol-error' })
        if (this.#phase === 'ending') void this.#terminate()
      }
      return reply
    } catch (error) {
      // What we broke off ourselves did not fail.
      if (error instanceof RemoteFault && !signal.aborted) onFailed?.(domain, error.failure)
      // Without a reply to the first request there is nothing that could be ended.
      if (creates || (error instanceof RemoteFault && error.aftermath === 'ended')) this.#wind()
      throw error
    } finally {
      this.#answered()
    }
  }

  /** Ends the session, with `lastWords` for the XMPP server; while it is being created, once it has a sid. */
  end(lastWords = ''): void {
    if (this.#phase !== 'live') return
    this.#parts.open.add(this)
    this.#lastWords = lastWords
    this.#wind()
    if (this.terms !== undefined) void this.#terminate()
    // While the endpoint is looked for there is no session yet.
    else if (this.#asking === 0 || this.#endpoint === undefined) this.#finish()
  }

  /** Ends the session, and breaks off what is open first. */
  abandon(): void {
    if (this.terms !== undefined && this.#phase === 'live') {
      this.#abort.abort()
      this.#abort = new AbortController()
      // The endpoint would wait for the requests before this one, and those that have not left never come.
      this.#lastRid = this.#leftRid
    }
    this.end()
  }

  /** Lets go of the session, which lives on and can be ended; undefined without one, or while a request is open. */
  leave() {
    const endpoint = this.#endpoint
    const { terms } = this
    if (this.#phase !== 'live' || this.#asking > 0 || endpoint === undefined || terms === undefined)
      return undefined
    this.#parts.open.delete(this)
    return { url: endpoint.url, terms, rid: this.#lastRid + 1 }
  }

  #body(attributes: string, payload: string): string {
    const sid = this.terms === undefined ? '' : ` sid='${escapeXml(this.terms.sid)}'`
    const start = `<body rid='${++this.#lastRid}'${sid}${attributes} xmlns='${boshNamespace}'`
    return payload === '' ? `${start}/>` : `${start}>${payload}</body>`
  }

  async #terminate(): Promise<void> {
    const body = this.#body(" type='terminate'", this.#lastWords)
    this.#finishWithin(closeSeconds)
    const { signal } = this.#abort
    // Nothing depends on the reply, nor on a failure.
    await this.#inOrder(async () => this.#endpoint!.post(body, 0, { signal })).catch(() => {})
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
