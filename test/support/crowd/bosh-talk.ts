// A page over BOSH: one request is held, and what is not answered is sent again.
import { setTimeout as sleep } from 'node:timers/promises'
import { attribute, BoshClient, type Post } from '../bosh-client.js'
import { ask } from '../http-answer.js'
import type { TalkBinding, TalkEvents } from './talk.js'

/** Pause before a page repeats a request whose connection broke, in milliseconds. */
const againMilliseconds = 200
/** Factor: a request without a reply after `wait` times this is repeated, as by Strophe. */
const slack = 1.1
const mostAttempts = 12

export class BoshTalk {
  readonly #binding: TalkBinding
  readonly #events: TalkEvents
  readonly #client: BoshClient
  readonly #open = new Set<number>()
  #unsaid = ''
  /** Resolves once the replies so far are read, in the order of their requests. */
  #read = Promise.resolve()
  /** What has become of the last attempts, to tell why a session has ended. */
  readonly #attempts: string[] = []
  #isOver = false
  readonly #leaving = new AbortController()

  constructor(binding: TalkBinding, events: TalkEvents) {
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
    while (this.#open.size > 1 && !this.#isOver) await sleep(20)
    if (this.#isOver) return
    this.#isOver = true
    await this.#exchange(this.#client.compose('', { type: 'terminate' }))
    this.#leaving.abort()
  }

  /** Closes the connections, but does not end the session. */
  drop(): void {
    this.#isOver = true
    this.#leaving.abort()
  }

  #pump(): void {
    if (this.#isOver) return
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
    while (!this.#leaving.signal.aborted) {
      const late = AbortSignal.timeout(this.#binding.wait * slack * 1000)
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
      await sleep(againMilliseconds)
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
