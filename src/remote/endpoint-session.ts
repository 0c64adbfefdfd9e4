import { randomInt } from 'node:crypto'
import { orGone } from '../lib/caller-gone.js'
import { type Clock, pause, type Timer } from '../lib/clock.js'
import type { Step } from '../lib/errors.js'
import type { WaitingMemory } from '../lib/limits/waiting-memory.js'
import { nothing } from '../servers/net/connect-to-any.js'
import type { ServerState } from '../servers/net/server-states.js'
import type { Failure } from '../xmpp/link.js'
import { boshNamespace } from '../xmpp/namespaces.js'
import type { SessionTerms } from '../xmpp/page-binding.js'
import { escapeXml } from '../xmpp/xml/escape.js'
import type { Endpoint } from './endpoint.js'
import { type EndpointReply, readTerms } from './endpoint-reply.js'
import type { SentOver } from './http-request.js'
import { protocolFault, RemoteFault } from './remote-fault.js'
import { RequestTurn } from './request-turn.js'

/** XEP-0124 §7.1. `wait` is in seconds. */
type WantedTerms = Pick<SessionTerms, 'wait' | 'hold' | 'ver'>

/** Many proxies time out after 60 s, so `wait` is shorter. */
const usualTerms: WantedTerms = { wait: 50, hold: 1, ver: '1.6' }

export interface EndpointSessionParts {
  readonly endpoint: Promise<Endpoint>
  readonly clock: Clock
  readonly waiting: WaitingMemory
  readonly domain: string
  readonly terms?: WantedTerms | undefined
  readonly onFailed: (domain: string, failure: Failure) => void
  readonly stateOf: (host: string) => ServerState | undefined
  /** Sessions for which this service sends requests. */
  readonly open: Set<EndpointSession>
}

function creation({ wait, hold, ver }: WantedTerms): string {
  return ` wait='${wait}' hold='${hold}' ver='${escapeXml(ver)}' content='text/xml; charset=utf-8' xmpp:version='1.0'`
}

const closeSeconds = 5

/** Seconds between empty requests that the endpoint answers at once, whatever it allows. */
const leastPolling = 1

/** A session that ends during its creation waits this long for the reply. */
const creationSeconds = 10

type Phase = 'live' | 'ending' | 'over'

export class EndpointSession {
  readonly #parts: EndpointSessionParts
  readonly #reached: (step: Step) => void
  #abort = new AbortController()
  #endpoint: Endpoint | undefined
  #server: ServerState | undefined
  #isCounted = false
  #phase: Phase = 'live'
  #lastRid = randomInt(1, 2 ** 47)
  #sentRid = 0
  #asking = 0
  #lastWords = ''
  unfinishedBytes = 0
  #lastTurn: RequestTurn | undefined
  /** Time of the last request, if the request and its reply were empty. */
  #emptySince: number | undefined
  #limit: Timer | undefined
  terms: SessionTerms | undefined

  constructor(parts: EndpointSessionParts, reached: (step: Step) => void) {
    this.#parts = parts
    this.#reached = reached
    parts.open.add(this)
  }

  get server(): string | undefined {
    return this.#endpoint?.host
  }

  /** XEP-0124 §11, §12. */
  get mayAskAt(): number {
    if (this.#emptySince === undefined || this.terms === undefined) return 0
    return this.#emptySince + Math.max(leastPolling, this.terms.polling) * 1000
  }

  async ask(attributes: string, payload: string, onArrived = nothing): Promise<EndpointReply> {
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
      const reply = await this.#exchange(body, rid, wait, signal, onArrived)
      const isEmptyReply = attributes === '' && payload === '' && reply.payload.length === 0
      // Only the last request counts, because the endpoint answers earlier requests when a later request arrives.
      if (rid === this.#lastRid) this.#emptySince = isEmptyReply ? askedAt : undefined
      this.#report(reply.end?.failure, creates)
      if (reply.end !== undefined) this.#beginEnding()
      else if (creates) {
        this.terms = readTerms(reply.root, wait)
        if (this.terms === undefined) throw protocolFault()
        if (this.#phase === 'ending') void this.#terminate()
      }
      return reply
    } catch (error) {
      if (error instanceof RemoteFault && !signal.aborted) {
        onFailed(domain, error.failure)
        this.#report(error.failure, creates)
      }
      if (creates || (error instanceof RemoteFault && error.aftermath === 'ended')) this.#beginEnding()
      throw error
    } finally {
      this.#answered()
    }
  }

  lost(failure: Failure): void {
    this.#server?.lost(failure, this.#parts.domain)
  }

  #report(failure: Failure | undefined, creates: boolean): void {
    if (failure === undefined) {
      this.#server?.reached()
      if (creates) this.#count(true)
    } else if (creates && failure.condition === undefined) this.#server?.failed(failure, this.#parts.domain)
  }

  #count(isOpen: boolean): void {
    if (isOpen === this.#isCounted) return
    this.#isCounted = isOpen
    if (this.#server !== undefined) this.#server.links += isOpen ? 1 : -1
  }

  /** Waits for the sid if the session is being created. */
  end(lastWords = ''): void {
    if (this.#phase !== 'live') return
    this.#parts.open.add(this)
    this.#lastWords = lastWords
    this.#beginEnding()
    if (this.terms !== undefined) void this.#terminate()
    else if (this.#asking === 0 || this.#endpoint === undefined) this.#finish()
  }

  abandon(): void {
    if (this.terms === undefined && this.unfinishedBytes > 0) {
      // The sid is unknown, so the session ends by the endpoint's timeout.
      this.#finish()
      return
    }
    if (this.terms !== undefined && this.#phase === 'live') {
      this.#breakOff()
      this.#abort = new AbortController()
      // The endpoint would wait for the rids of requests that were not sent, so these rids are used again.
      this.#lastRid = this.#sentRid
    }
    this.end()
  }

  /** Returns undefined while a request is open, because the page would not get the reply. */
  giveToPage() {
    const endpoint = this.#endpoint
    const { terms } = this
    if (this.#phase !== 'live' || this.#asking > 0 || endpoint === undefined || terms === undefined) return undefined
    this.#parts.open.delete(this)
    this.#count(false)
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
    await this.#exchange(body, this.#lastRid, 0, this.#abort.signal).catch(() => {})
    this.#answered()
  }

  async #exchange(body: string, rid: number, wait: number, signal: AbortSignal, onArrived = nothing) {
    const { clock } = this.#parts
    const creates = this.terms === undefined
    const reached = creates ? this.#reached : undefined
    const turn = new RequestTurn(clock, this.#lastTurn, onArrived)
    this.#lastTurn = turn
    this.#asking += 1
    const gathered = (bytes: number) => {
      if (!signal.aborted) this.#gathered(bytes)
    }
    const onSent = (over: SentOver) => {
      this.#sentRid = Math.max(this.#sentRid, rid)
      turn.sent(over)
    }
    try {
      for (;;) {
        await turn.afterPrevious()
        this.#endpoint ??= await this.#parts.endpoint
        this.#server ??= this.#parts.stateOf(this.#endpoint.host)
        signal.throwIfAborted()
        try {
          const options = { signal, reached, gathered, onSent, creates, afresh: turn.isRepeated }
          const reply = await this.#endpoint.exchange(body, wait, options)
          if (reply.payload.length === 0) turn.answeredEmpty(wait)
          return turn.isRepeated && this.#sentRid > rid ? unlessSuperseded(reply) : reply
        } catch (error) {
          if (!(error instanceof RemoteFault) || signal.aborted) throw error
          const delay = turn.broke(error, this.terms?.inactivity)
          if (delay === undefined) throw error
          if (delay > 0) await orGone(pause(clock, delay), signal)
        }
      }
    } finally {
      turn.end()
    }
  }

  #gathered(bytes: number): void {
    this.unfinishedBytes += bytes
    this.#parts.waiting.change(bytes)
  }

  #breakOff(): void {
    this.#abort.abort()
    this.#gathered(-this.unfinishedBytes)
  }

  #answered(): void {
    this.#asking -= 1
    if (this.#phase === 'ending' && this.#asking === 0) this.#finish()
  }

  #beginEnding(): void {
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
    this.#count(false)
    this.#limit?.cancel()
    this.#breakOff()
    this.#parts.open.delete(this)
  }
}

/** Prosody answers a repeat with `item-not-found` if a later request arrived, which then gets all stanzas. */
function unlessSuperseded(reply: EndpointReply): EndpointReply {
  const isUnknown = reply.end?.failure.condition === 'item-not-found'
  return isUnknown ? { ...reply, payload: [], end: undefined } : reply
}
