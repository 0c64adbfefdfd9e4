// A page with a session: one request is held, what there is to say goes with another, and there are never more.
import { setTimeout as sleep } from 'node:timers/promises'
import { BoshClient } from '../test/support/bosh-client.js'

/** What a page attaches with. */
export interface Binding {
  readonly jid: string
  readonly sid: string
  readonly rid: number
  readonly id: string
}

export interface PageEvents {
  /** A reply of the session. */
  heard(reply: string): void
  /** The session is over, though it was not ended here. */
  ended(why: string): void
}

/** How often a request is sent again whose connection broke. */
const mostTries = 4

export class Page {
  readonly #client: BoshClient
  readonly #events: PageEvents
  #open = 0
  #unsaid = ''
  #isOver = false
  #rests = false

  constructor(url: string, binding: Binding, events: PageEvents) {
    this.#client = new BoshClient(url, binding)
    this.#events = events
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Says something, if only that it is there, and polls from then on. */
  say(stanza: string): void {
    this.#unsaid += stanza
    this.#pump()
  }

  /** Says that it will be silent for so many seconds, and is; goes on polling then. */
  async pause(seconds: number): Promise<void> {
    this.#rests = true
    // It may be one above the number of requests that are agreed on (XEP-0124 §11).
    void this.#ask('', { pause: '60' })
    while (this.#open > 0 && !this.#isOver) await sleep(20)
    await sleep(seconds * 1000)
    this.#rests = false
    this.#pump()
  }

  /** All its connections break; what was on its way is sent again. */
  loseConnections(): void {
    this.#client.close()
  }

  /** Ends the session in good order. */
  async terminate(): Promise<void> {
    this.#isOver = true
    await this.#client.terminate()
    this.#client.close()
  }

  /** The page is gone, as when its tab is closed or loaded anew. */
  leave(): void {
    this.#isOver = true
    this.#client.close()
  }

  #pump(): void {
    if (this.#isOver || this.#rests) return
    const isDue = this.#open === 0 || (this.#open === 1 && this.#unsaid !== '')
    if (!isDue) return
    const stanzas = this.#unsaid
    this.#unsaid = ''
    void this.#ask(stanzas)
  }

  async #ask(stanzas: string, attributes: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#open += 1
    const request = { ...attributes, rid: String(this.#client.rid++) }
    for (let tries = 1; ; tries++) {
      try {
        const reply = await this.#client.request(stanzas, request)
        this.#open -= 1
        this.#read(reply)
        break
      } catch (error) {
        if (this.#isOver) return
        if (tries < mostTries) continue
        this.#end(String(error))
        return
      }
    }
    this.#pump()
  }

  #read(reply: string): void {
    if (this.#isOver) return
    this.#events.heard(reply)
    if (/^<body[^>]*type='terminate'/.test(reply)) this.#end(reply.slice(0, 200))
  }

  #end(why: string): void {
    this.leave()
    this.#events.ended(why)
  }
}
