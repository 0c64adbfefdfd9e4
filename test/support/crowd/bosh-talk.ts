// A page over BOSH: one request is held, and what is not answered is sent again.
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../http-answer.js'
import { at } from './judge.js'
import type { Talk, TalkBinding, TalkEvents } from './talk.js'

/** Pause before a page repeats a request whose connection broke, in milliseconds. */
const againMilliseconds = 200
/** Factor: a request without a reply after `wait` times this is repeated, as by Strophe. */
const slack = 1.1
/** How many attempts are remembered. */
const mostAttempts = 12

export class BoshTalk implements Talk {
  readonly #binding: TalkBinding
  readonly #events: TalkEvents
  #rid: number
  /** The rids of the requests that are under way. */
  readonly #open = new Set<number>()
  #unsaid = ''
  /** The rid whose reply is to be read next, and replies that came before their turn. */
  #next: number
  readonly #replies = new Map<number, string>()
  /** What has become of the last attempts, to tell why a session has ended. */
  readonly #attempts: string[] = []
  #isOver = false
  readonly #leaving = new AbortController()

  constructor(binding: TalkBinding, events: TalkEvents) {
    this.#binding = binding
    this.#events = events
    this.#rid = binding.rid
    this.#next = binding.rid
  }

  begin(): void {
    this.#events.ready()
    this.#pump()
  }

  say(stanza: string): void {
    this.#unsaid += stanza
    this.#pump()
  }

  /** Ends the session in good order. */
  async terminate(): Promise<void> {
    while (this.#open.size > 1 && !this.#isOver) await sleep(20)
    if (this.#isOver) return
    this.#isOver = true
    await this.#exchange(this.#rid++, '', " type='terminate'")
    this.#leaving.abort()
  }

  drop(): void {
    this.#isOver = true
    this.#leaving.abort()
  }

  #pump(): void {
    if (this.#isOver) return
    if (this.#open.size > 0 && this.#unsaid === '') return
    // The service stores few replies, so no rid may be `requests` or more above an unanswered rid.
    if (this.#rid >= Math.min(...this.#open) + this.#binding.requests) return
    const inner = this.#unsaid
    this.#unsaid = ''
    const rid = this.#rid++
    this.#open.add(rid)
    void this.#exchange(rid, inner).then(reply => {
      this.#open.delete(rid)
      if (reply === undefined || this.#isOver) return
      this.#replies.set(rid, reply)
      this.#read()
      this.#pump()
    })
  }

  /** Resolves with the reply, or with undefined if the session or the page is gone. */
  async #exchange(rid: number, inner: string, more = ''): Promise<string | undefined> {
    const { sid, url, wait } = this.#binding
    const body = `<body xmlns='http://jabber.org/protocol/httpbind' rid='${rid}' sid='${sid}'${more}>${inner}</body>`
    const headers = { 'Content-Type': 'text/xml; charset=utf-8' }
    const since = performance.now()
    while (!this.#leaving.signal.aborted) {
      const attempt = new AbortController()
      const abort = () => attempt.abort()
      const late = setTimeout(abort, wait * slack * 1000)
      this.#leaving.signal.addEventListener('abort', abort)
      const { signal } = attempt
      const sentAt = performance.now()
      let failure = ''
      const answer = await ask(url, { method: 'POST', agent: false, headers, signal }, body).catch(error => {
        failure = (error as NodeJS.ErrnoException).code ?? (error as Error).name
      })
      clearTimeout(late)
      this.#leaving.signal.removeEventListener('abort', abort)
      const outcome = answer === undefined ? failure : `HTTP ${answer.status}, ${answer.text.length} characters`
      this.#attempts.push(`${rid} from ${at(sentAt)} to ${at(performance.now())}: ${outcome}`)
      if (this.#attempts.length > mostAttempts) this.#attempts.shift()
      // After a recoverable error, the request is repeated (XEP-0124 §17.3).
      const isToRepeat = answer !== undefined && /^<body[^>]* type='error'/.test(answer.text)
      if (answer !== undefined && !isToRepeat) {
        const isTerminated = /^<body[^>]* type='terminate'/.test(answer.text)
        if (answer.status === 200) return isTerminated ? this.#end(answer.text, since) : answer.text
        if (answer.status < 500) return this.#end(`HTTP ${answer.status}: ${answer.text}`, since)
      }
      await sleep(againMilliseconds)
    }
    return undefined
  }

  /** Reads what has come, in the order of the requests. */
  #read(): void {
    for (;;) {
      const reply = this.#replies.get(this.#next)
      if (reply === undefined) return
      this.#replies.delete(this.#next)
      this.#next += 1
      this.#events.heard(reply)
    }
  }

  #end(why: string, since: number): undefined {
    if (this.#isOver) return
    this.drop()
    this.#events.gone(`${why.slice(0, 200)}; ${this.#attempts.join('; ')}`, since)
  }
}
