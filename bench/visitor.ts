// A user with an account who comes and goes, and to whom happens what happens to people with browsers. Every word is
// said to themselves: it has to come back, and once.
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../test/support/http-answer.js'
import type { Ledger } from './ledger.js'
import { type Binding, Page } from './page.js'
import { admin, domain } from './work.js'

export interface VisitorOptions {
  /** Where the service is, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** Name and password of the account. */
  readonly user: string
  readonly ledger: Ledger
  /** How long a visit lasts on average, in seconds. */
  readonly visitSeconds: number
  /** Whether it is time to leave for good. */
  readonly isClosing: () => boolean
}

/** How long a visitor who wants to leave waits for the words that have not come back, in seconds. */
const patience = 60
/**
 * How long a page is away before another takes its session up, in seconds: five for the session to count as quiet, and as
 * many for a service that is just being measured, and stands still, to see that the page has gone.
 */
const quietSeconds = 10

const authorization = `Basic ${Buffer.from(admin).toString('base64')}`
const between = (least: number, most: number) => least + Math.random() * (most - least)

/** One account; it has one session at a time, beside those that were never attached to. */
export class Visitor {
  readonly #options: VisitorOptions
  #page: Page | undefined
  #binding: Binding | undefined
  #visits = 0
  /** The number of the last word of this visit. */
  #serial = 0
  /** Words that have not come back. */
  readonly #awaited = new Set<number>()
  /** Up to here words may come once more: another page has taken the session up meanwhile. */
  #mayDouble = 0
  readonly #heard = new Set<number>()
  #isLoggedOut = false

  constructor(options: VisitorOptions) {
    this.#options = options
  }

  /** Comes and goes until it is time to leave for good; the last visit ends in good order. */
  async comeAndGo(): Promise<void> {
    const { ledger, isClosing } = this.#options
    while (!isClosing()) {
      try {
        await this.#visit()
      } catch (error) {
        ledger.mishap(String(error).slice(0, 200))
        this.#page?.leave()
        await sleep(1_000)
      }
    }
  }

  async #visit(): Promise<void> {
    const { ledger, visitSeconds, isClosing } = this.#options
    this.#begin()
    const binding = await this.#warm()
    if (Math.random() < 0.05) {
      ledger.add('never attach')
      return
    }
    this.#attach(binding)
    const until = performance.now() + between(0.3, 1.7) * visitSeconds * 1000
    while (performance.now() < until && !isClosing() && !this.#page!.isOver) {
      await sleep(between(2_000, 8_000))
      if (!this.#page!.isOver) await this.#act()
    }
    await this.#leave()
  }

  async #act(): Promise<void> {
    const { ledger } = this.#options
    const dice = Math.random()
    if (dice < 0.7) this.#say()
    else if (dice < 0.82) {
      ledger.add('lose the network')
      this.#say()
      this.#page!.loseConnections()
    } else if (dice < 0.9) await this.#resume()
    else if (dice < 0.95) {
      await this.#allBack()
      ledger.add('pause')
      await this.#page!.pause(between(1, 8))
    } else await this.#reuse()
  }

  async #leave(): Promise<void> {
    const { ledger, isClosing } = this.#options
    const page = this.#page!
    if (page.isOver) return
    const dice = isClosing() ? 0 : Math.random()
    await this.#allBack()
    if (dice < 0.6) {
      ledger.add('terminate')
      await page.terminate()
    } else if (dice < 0.9) {
      ledger.add('crash')
      page.leave()
    } else {
      ledger.add('be logged out')
      this.#isLoggedOut = true
      await this.#call('DELETE', `/${this.#binding!.id}`)
      for (let waited = 0; !page.isOver && waited < patience * 1000; waited += 50) await sleep(50)
      if (!page.isOver) ledger.mishap('a page was not told that it is logged out')
      page.leave()
    }
  }

  /** The page is loaded anew, and its backend hands the session to it. */
  async #resume(): Promise<void> {
    this.#unload()
    const resumed = await this.#call('POST', `/${this.#binding!.id}/resume`)
    this.#options.ledger.add('resume')
    this.#attach(resumed)
  }

  /** The same for a backend that does not remember which session it was. */
  async #reuse(): Promise<void> {
    this.#unload()
    await sleep(quietSeconds * 1000)
    const before = this.#binding!.id
    const binding = await this.#warm({ reuse: true })
    this.#options.ledger.add('reuse')
    if (binding.id !== before) this.#options.ledger.mishap('another session was given than the one to reuse')
    this.#attach(binding)
  }

  #unload(): void {
    this.#page!.leave()
    this.#mayDouble = this.#serial
    // Whether these have been sent is not known: their connections are gone.
    this.#awaited.clear()
  }

  #attach(binding: Binding): void {
    const { url, ledger } = this.#options
    this.#binding = binding
    const page = new Page(`${url}/http-bind`, binding, {
      heard: reply => this.#hear(reply),
      ended: why => {
        if (!this.#isLoggedOut) ledger.mishap(`a session ended: ${why}`)
      },
    })
    this.#page = page
    page.say("<presence xmlns='jabber:client'/>")
  }

  #say(): void {
    this.#options.ledger.add('say')
    const word = ++this.#serial
    this.#awaited.add(word)
    const { jid } = this.#binding!
    this.#page!.say(
      `<message xmlns='jabber:client' to='${jid}' type='chat'><body>word ${this.#visits}.${word}</body></message>`,
    )
  }

  #hear(reply: string): void {
    const { ledger } = this.#options
    for (const [, visit, text] of reply.matchAll(/<body>word (\d+)\.(\d+)<\/body>/g)) {
      const word = Number(text)
      if (Number(visit) !== this.#visits) continue
      this.#awaited.delete(word)
      if (this.#heard.has(word)) {
        if (word > this.#mayDouble) ledger.doubled += 1
      } else ledger.add('hear')
      this.#heard.add(word)
    }
  }

  /** Waits until every word has come back; those that do not are lost. */
  async #allBack(): Promise<void> {
    const until = performance.now() + patience * 1000
    while (this.#awaited.size > 0 && !this.#page!.isOver && performance.now() < until) await sleep(50)
    if (this.#page!.isOver) return
    this.#options.ledger.lost += this.#awaited.size
    this.#awaited.clear()
  }

  #begin(): void {
    this.#visits += 1
    this.#awaited.clear()
    this.#heard.clear()
    this.#serial = 0
    this.#mayDouble = 0
    this.#isLoggedOut = false
  }

  async #warm(more: object = {}): Promise<Binding> {
    const { user, ledger } = this.#options
    const binding = await this.#call('POST', '', { jid: `${user}@${domain}`, password: user, ...more })
    ledger.add('warm')
    return binding
  }

  /** Calls the warm API, on a connection of its own. */
  async #call(method: 'POST' | 'DELETE', path: string, about: object = {}): Promise<Binding> {
    const body = JSON.stringify(about)
    const headers = {
      Authorization: authorization,
      Accept: 'application/json',
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    }
    const { status, text } = await ask(
      `${this.#options.url}/warm${path}`,
      { method, agent: false, headers },
      body,
    )
    if (status >= 300) {
      const { code, step } = text.startsWith('{') ? JSON.parse(text) : {}
      throw new Error(`${method} of a session: ${status} ${code} ${step}`)
    }
    return JSON.parse(text || '{}')
  }
}
