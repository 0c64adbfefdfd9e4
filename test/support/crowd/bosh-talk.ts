// A page over BOSH: one request is held, and what is not answered is sent again.
import { setTimeout as sleep } from 'node:timers/promises'
import { attribute, BoshClient, type Post } from '../bosh-client.js'
import { ask } from '../http-answer.js'
import { goodNetwork, type Network, type TalkBinding, type TalkEvents } from './talk.js'

/** Factor: a request without a reply after `wait` times this is repeated, as by Strophe. */
const slack = 1.1
const mostAttempts = 12

export class BoshTalk {
  readonly #binding: TalkBinding
  readonly #events: TalkEvents
  readonly #client: BoshClient
  readonly #open = new Set<number>()
  readonly #network: Network
  #unsaid = ''
  #isLast = false
  /** Resolves once the replies so far are read, in the order of their requests. */
  #read = Promise.resolve()
  /** What has become of the last attempts, to tell why a session has ended. */
  readonly #attempts: string[] = []
  #isOver = false
  readonly #leaving = new AbortController()

  constructor(binding: TalkBinding, events: TalkEvents, network = goodNetwork) {
    this.#network = network
    this.#binding = binding
    this.#events = events
    const { url, sid, rid } = binding
    const headers = { 'Content-Type': 'text/xml; charset=utf-8' }
    const post: Post = (body, about) => ask(url, { method: 'POST', headers, ...about }, body)
    this.#client = new BoshClient(url, { sid, rid, post })
  }

  begin(): void {
    this.#events.ready()
    this.#pump()
  }

  /** Sends a stanza, again if necessary, so that it arrives once. */
  say(stanza: string): void {
    this.#unsaid += stanza
    this.#pump()
  }

  async terminate(): Promise<void> {
    await this.#last({ type: 'terminate' })
    this.drop()
  }

  /** Resolves when all that was said has arrived, and all replies are read. It makes no more requests. */
  async settle(): Promise<void> {
    await this.#last({ pause: '10' })
    await this.#read
  }

  async #last(attributes: Readonly<Record<string, string>>): Promise<void> {
    while ((this.#open.size > 1 || this.#unsaid !== '') && !this.#isOver) await sleep(this.#network.again / 10)
    if (this.#isOver) return
    this.#isLast = true
    const reply = await this.#exchange(this.#client.compose('', attributes))
    this.#read = this.#read.then(() => {
      if (reply !== undefined && !this.#isOver) this.#events.heard(reply)
    })
  }

  /** Closes the connections, but does not end the session. */
  drop(): void {
    this.#isOver = true
    this.#leaving.abort()
  }

  #pump(): void {
    if (this.#isOver || this.#isLast) return
    if (this.#open.size > 0 && this.#unsaid === '') return
    const { rid } = this.#client
    // The service stores few replies, so no rid may be `requests` or more above an unanswered rid.
    if (rid >= Math.min(...this.#open) + this.#binding.requests) return
    const exchange = this.#exchange(this.#client.compose(this.#unsaid))
    this.#unsaid = ''
    this.#open.add(rid)
    this.#read = this.#read.then(async () => {
      const reply = await exchange
      if (reply !== undefined && !this.#isOver) this.#events.heard(reply)
    })
    void exchange.then(() => {
      this.#open.delete(rid)
      this.#pump()
    })
  }

  /** Resolves with the reply, or with undefined if the session or the page is gone. */
  async #exchange(body: string): Promise<string | undefined> {
    for (let failures = 0; !this.#leaving.signal.aborted; failures++) {
      const longest = Math.min(this.#binding.wait * slack * 1000, this.#network.lifetime(failures))
      const late = AbortSignal.timeout(longest)
      const sentAt = performance.now()
      let failure = ''
      const signal = AbortSignal.any([late, this.#leaving.signal])
      const answer = await this.#client.send(body, { signal }).catch(error => {
        failure = (error as NodeJS.ErrnoException).code ?? (error as Error).name
      })
      const outcome = answer === undefined ? failure : `HTTP ${answer.status}, ${answer.text.length} characters`
      this.#attempts.push(`${attribute(body, 'rid')} from ${at(sentAt)} to ${at(performance.now())}: ${outcome}`)
      if (this.#attempts.length > mostAttempts) this.#attempts.shift()
      // After a recoverable error, the request is repeated (XEP-0124 §17.3).
      const isToRepeat = answer !== undefined && /^<body[^>]* type='error'/.test(answer.text)
      if (answer !== undefined && !isToRepeat) {
        const isTerminated = /^<body[^>]* type='terminate'/.test(answer.text)
        if (answer.status === 200) return isTerminated ? this.#end(answer.text) : answer.text
        if (answer.status < 500) return this.#end(`HTTP ${answer.status}: ${answer.text}`)
      }
      await sleep(this.#network.again)
    }
    return undefined
  }

  #end(why: string): undefined {
    if (this.#isOver) return
    this.drop()
    this.#events.gone(`${why.slice(0, 200)}; ${this.#attempts.join('; ')}`)
  }
}

/** Seconds since this process began. */
const at = (milliseconds: number) => (milliseconds / 1000).toFixed(1)
