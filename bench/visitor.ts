// Visitors send messages to themselves. Each message must come back once.
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { BoshTalk } from '../test/support/crowd/bosh-talk.js'
import type { TalkBinding } from '../test/support/crowd/talk.js'
import { ask } from '../test/support/http-answer.js'
import { adminHeader, domain } from './work.js'

const deeds = [
  ...(['warm', 'say', 'hear', 'resume', 'come back', 'pause', 'lose the network', 'terminate'] as const),
  ...(['crash', 'be logged out', 'never attach'] as const),
]

export class Ledger {
  readonly done = Object.fromEntries(deeds.map(deed => [deed, 0])) as Record<(typeof deeds)[number], number>
  lost = 0
  doubled = 0
  readonly mishaps = new Map<string, number>()

  mishap(what: string): void {
    this.mishaps.set(what, (this.mishaps.get(what) ?? 0) + 1)
  }

  get mishapCount(): number {
    return [...this.mishaps.values()].reduce((sum, each) => sum + each, 0)
  }
}

interface VisitorOptions {
  readonly url: string
  readonly user: string
  readonly ledger: Ledger
  readonly visitSeconds: number
  readonly isClosing: () => boolean
}

const patienceSeconds = 60

const between = (least: number, most: number) => least + Math.random() * (most - least)

export class Visitor {
  readonly #agent = new Agent({ keepAlive: true, noDelay: true })
  #page!: BoshTalk
  #binding!: TalkBinding
  #visits = 0
  #serial = 0
  readonly #awaited = new Set<number>()
  readonly #heard = new Set<number>()
  /** Messages up to this number may come twice, because another page has attached. */
  #mayDouble = 0
  #isLoggedOut = false

  constructor(readonly options: VisitorOptions) {}

  async comeAndGo(): Promise<void> {
    const { ledger, isClosing } = this.options
    while (!isClosing()) {
      try {
        await this.#visit()
      } catch (error) {
        ledger.mishap(String(error).slice(0, 200))
        this.#close()
        await sleep(1_000)
      }
    }
  }

  async #visit(): Promise<void> {
    const { ledger, visitSeconds, isClosing } = this.options
    this.#visits += 1
    this.#serial = 0
    this.#awaited.clear()
    this.#heard.clear()
    this.#mayDouble = 0
    this.#isLoggedOut = false
    const binding = await this.#warm()
    if (Math.random() < 0.05) {
      ledger.done['never attach'] += 1
      return
    }
    this.#attach(binding)
    const until = performance.now() + between(0.3, 1.7) * visitSeconds * 1000
    while (performance.now() < until && !isClosing() && !this.#page.isOver) {
      await sleep(between(2_000, 8_000))
      if (!this.#page.isOver) await this.#act()
    }
    await this.#leave()
  }

  async #act(): Promise<void> {
    const { done } = this.options.ledger
    const dice = Math.random()
    if (dice < 0.7) this.#say()
    else if (dice < 0.82) {
      done['lose the network'] += 1
      this.#say()
      this.#agent.destroy()
    } else if (dice < 0.9) {
      this.#unload()
      this.#attach(await this.#call('POST', `/${this.#binding.id}/resume`))
      done.resume += 1
    } else if (dice < 0.95) {
      await this.#allBack()
      done.pause += 1
      await this.#page.pause(between(1, 8))
    } else await this.#comeBack()
  }

  async #leave(): Promise<void> {
    const { ledger, isClosing } = this.options
    const page = this.#page
    if (page.isOver) return
    const dice = isClosing() ? 0 : Math.random()
    await this.#allBack()
    if (dice < 0.6) {
      ledger.done.terminate += 1
      await page.terminate()
      this.#agent.destroy()
    } else if (dice < 0.9) {
      ledger.done.crash += 1
      this.#close()
    } else {
      ledger.done['be logged out'] += 1
      this.#isLoggedOut = true
      await this.#call('DELETE', `/${this.#binding.id}`)
      for (let waited = 0; !page.isOver && waited < patienceSeconds * 1000; waited += 50) await sleep(50)
      if (!page.isOver) ledger.mishap('a page was not told that it is logged out')
      this.#close()
    }
  }

  #close(): void {
    this.#page?.drop()
    this.#agent.destroy()
  }

  async #comeBack(): Promise<void> {
    const { ledger } = this.options
    this.#unload()
    const before = this.#binding.id
    const binding = await this.#warm()
    ledger.done['come back'] += 1
    if (binding.id !== before) ledger.mishap('another session was given than that of the tab')
    this.#attach(binding)
  }

  #unload(): void {
    this.#close()
    this.#mayDouble = this.#serial
    this.#awaited.clear()
  }

  #attach(binding: TalkBinding): void {
    const { ledger } = this.options
    this.#binding = binding
    const events = {
      ready: () => {},
      heard: (reply: string) => this.#hear(reply),
      gone: (why: string) => {
        if (!this.#isLoggedOut) ledger.mishap(`a session ended: ${why}`)
      },
      odd: (what: string) => ledger.mishap(what),
    }
    this.#page = new BoshTalk(binding, events, this.#agent)
    this.#page.say("<presence xmlns='jabber:client'/>")
    this.#page.begin()
  }

  #say(): void {
    this.options.ledger.done.say += 1
    this.#awaited.add(++this.#serial)
    const body = `<body>word ${this.#visits}.${this.#serial}</body>`
    this.#page.say(`<message xmlns='jabber:client' to='${this.#binding.jid}' type='chat'>${body}</message>`)
  }

  #hear(reply: string): void {
    const { ledger } = this.options
    for (const [, visit, text] of reply.matchAll(/<body>word (\d+)\.(\d+)<\/body>/g)) {
      const word = Number(text)
      if (Number(visit) !== this.#visits) continue
      this.#awaited.delete(word)
      if (!this.#heard.has(word)) ledger.done.hear += 1
      else if (word > this.#mayDouble) ledger.doubled += 1
      this.#heard.add(word)
    }
  }

  async #allBack(): Promise<void> {
    const until = performance.now() + patienceSeconds * 1000
    while (this.#awaited.size > 0 && !this.#page.isOver && performance.now() < until) await sleep(50)
    if (this.#page.isOver) return
    this.options.ledger.lost += this.#awaited.size
    this.#awaited.clear()
  }

  async #warm(): Promise<TalkBinding> {
    const { user, ledger } = this.options
    const binding = await this.#call('POST', '', {
      jid: `${user}@${domain}`,
      password: user,
      visit: 'bench',
      tab: `${this.#visits}`,
    })
    ledger.done.warm += 1
    return binding
  }

  async #call(method: 'POST' | 'DELETE', path: string, parameters: object = {}): Promise<TalkBinding> {
    const json = 'application/json'
    const headers = { Authorization: adminHeader, Accept: json, 'Content-Type': json }
    const url = `${this.options.url}/warm${path}`
    const { status, text } = await ask(url, { method, agent: false, headers }, JSON.stringify(parameters))
    if (status >= 300) {
      const { code, step } = text.startsWith('{') ? JSON.parse(text) : {}
      throw new Error(`${method} of a session: ${status} ${code} ${step}`)
    }
    return JSON.parse(text || '{}')
  }
}
