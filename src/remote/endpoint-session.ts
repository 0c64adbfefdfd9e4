import { randomInt } from 'node:crypto'
import type { Clock, Timer } from '../lib/clock.js'
import type { Step } from '../lib/errors.js'
import type { WaitingMemory } from '../lib/limits/waiting-memory.js'
import type { SessionTerms } from '../xmpp/handed-out.js'
import type { Failure } from '../xmpp/link.js'
import { boshNamespace } from '../xmpp/namespaces.js'
import { escapeXml } from '../xmpp/xml/escape.js'
import type { Endpoint } from './endpoint.js'
import { type EndpointReply, readTerms } from './endpoint-reply.js'
import { RemoteFault } from './fault.js'
import { Repeats } from './repeats.js'
import { Turn } from './turn.js'

/** What is asked for when a session is created (XEP-0124 §7.1); what the endpoint grants counts. `wait` is in seconds. */
export type WantedTerms = Pick<SessionTerms, 'wait' | 'hold' | 'ver'>

/** For a session that lasts; `wait` is below the minute after which proxies give up. */
const usualTerms: WantedTerms = { wait: 50, hold: 1, ver: '1.6' }

export interface EndpointSessionParts {
  /** The endpoint that the session is created at; rejects with a `RemoteFault`. */
  readonly endpoint: Promise<Endpoint>
  readonly clock: Clock
  /** Counts unfinished replies; they are not counted without it. */
  readonly waiting?: WaitingMemory | undefined
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

/** Shortest pause before a request is repeated while an earlier one is open, in milliseconds. */
const settling = 50

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
  /** Unfinished replies, in bytes. */
  #unfinishedBytes = 0
  /** The turn of the last request. */
  #lastTurn: Turn | undefined
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

  /** Memory of unfinished replies, in bytes. */
  get unfinishedBytes(): number {
    return this.#unfinishedBytes
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
    try {
      const reply = await this.#exchange(body, rid, wait, signal)
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
    if (this.terms === undefined && this.#unfinishedBytes > 0) {
      // The session at the endpoint ends by itself: its sid is in the unfinished reply.
      this.#finish()
      return
    }
    if (this.terms !== undefined && this.#phase === 'live') {
      this.#breakOff()
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
    const turn = this.#takeTurn()
    await turn.come()
    // Nothing depends on the reply, nor on a failure.
    if (!signal.aborted) await this.#endpoint!.post(body, 0, { signal }).catch(() => {})
    turn.end()
    this.#answered()
  }

  /** Sends a request in its turn, and repeats it in its turn if its connection breaks. Rejects with a `RemoteFault`. */
  async #exchange(body: string, rid: number, wait: number, signal: AbortSignal): Promise<EndpointReply> {
    const { clock } = this.#parts
    const creates = this.terms === undefined
    const reached = creates ? this.#reached : undefined
    const turn = this.#takeTurn()
    const repeats = new Repeats(clock)
    const gathered = (bytes: number) => {
      if (!signal.aborted) this.#gathered(bytes)
    }
    const leaves = (isNew: boolean) => {
      this.#leftRid = Math.max(this.#leftRid, rid)
      turn.left(isNew, repeats.areAny)
      repeats.left()
    }
    try {
      for (;;) {
        await turn.come()
        this.#endpoint ??= await this.#parts.endpoint
        signal.throwIfAborted()
        try {
          const options = { signal, reached, gathered, leaves }
          const reply = await this.#endpoint.exchange(body, wait, creates, options, repeats.areAny)
          return repeats.areAny && this.#leftRid > rid ? unlessSuperseded(reply) : reply
        } catch (error) {
          if (!(error instanceof RemoteFault) || signal.aborted) throw error
          const pause = repeats.next(error, this.terms?.inactivity)
          if (pause === undefined) throw error
          turn.broke()
          // The request before this one may be about to break as well.
          await rest(clock, turn.isFirst ? pause : Math.max(pause, settling), signal)
        }
      }
    } finally {
      turn.end()
    }
  }

  #gathered(bytes: number): void {
    this.#unfinishedBytes += bytes
    this.#parts.waiting?.change(bytes)
  }

  /** Aborts open requests, and discards their unfinished replies. */
  #breakOff(): void {
    this.#abort.abort()
    this.#gathered(-this.#unfinishedBytes)
  }

  #takeTurn(): Turn {
    this.#asking += 1
    this.#lastTurn = new Turn(this.#parts.clock, this.#lastTurn)
    return this.#lastTurn
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
    this.#breakOff()
    this.#parts.open.delete(this)
  }
}

/**
 * If Prosody sees a request's connection break before the next request comes, it forgets the request, and does not reply to its
 * repeat. It has processed the stanzas of the request. Its own stanzas, or the end of the session, come with the next reply.
 */
function unlessSuperseded(reply: EndpointReply): EndpointReply {
  const isUnknown = reply.end?.failure.condition === 'item-not-found'
  return isUnknown ? { ...reply, payload: [], end: undefined } : reply
}

/** Resolves after so many milliseconds, rejects when the signal is aborted. */
function rest(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const stop = () => {
      timer.cancel()
      reject(signal.reason)
    }
    const timer = clock.after(milliseconds, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
    signal.addEventListener('abort', stop, { once: true })
  })
}
