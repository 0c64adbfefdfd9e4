// Users who chat in pairs, one over BOSH and one over WebSocket, during faults of the service. Their messages are
// numbered. At the end, lost and doubled messages are reported, and sessions that have ended.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { callSessions } from '../sessions-api.js'
import { BoshTalk } from './bosh-talk.js'
import { SocketTalk } from './socket-talk.js'
import type { TalkBinding, TalkEvents } from './talk.js'

export interface CrowdOptions {
  readonly url: string
  /** Accounts of `localhost`, an even number. Each password is the name. */
  readonly users: readonly string[]
  /** Mean time between two messages of one user, in seconds. */
  readonly secondsPerMessage: number
}

/** Between two users who arrive. */
const arrivalMilliseconds = 20
/** How long a backend waits for an answer, and until it calls again, in milliseconds. */
const callPatience = 5_000
const againMilliseconds = 200
/** Longest time to hold a request, in seconds. Pages repeat a request that takes 1.1 times as long. */
const wait = 8

/** A user, with the page that has the session. */
class Chatter {
  binding: TalkBinding | undefined
  talk: BoshTalk | SocketTalk | undefined
  isReady = false
  /** Numbers of the last message to the partner, and of those from the partner. */
  said = 0
  readonly heard: number[] = []
  partner!: Chatter

  constructor(
    readonly user: string,
    readonly isOverSocket: boolean,
  ) {}

  get isQuiet(): boolean {
    return this.isReady && new Set(this.heard).size === this.partner.said
  }
}

export class Crowd {
  /** In each message, because a server can deliver messages to users of an earlier crowd. */
  readonly #name = randomUUID()
  readonly #options: CrowdOptions
  readonly #chatters: readonly Chatter[]
  readonly #faults: string[] = []
  /** Pages may get stanzas twice, in the order in which the server repeats them. */
  mayRepeat = false
  #isTalking = false

  constructor(options: CrowdOptions) {
    this.#options = options
    this.#chatters = options.users.map((user, index) => new Chatter(user, index % 2 === 1))
    for (const [index, chatter] of this.#chatters.entries()) chatter.partner = this.#chatters[index ^ 1]!
  }

  async arrive(): Promise<void> {
    const coming: Promise<void>[] = []
    for (const chatter of this.#chatters) {
      coming.push(this.#warm(chatter))
      await sleep(arrivalMilliseconds)
    }
    await Promise.all(coming)
    while (!this.#chatters.every(({ isReady }) => isReady)) await sleep(20)
    this.#isTalking = true
    for (const chatter of this.#chatters) void this.#chat(chatter)
  }

  /** All users stop talking, wait at most `seconds` for messages, and log out. Resolves with what went wrong. */
  async leave(seconds: number): Promise<readonly string[]> {
    this.#isTalking = false
    const deadline = performance.now() + seconds * 1000
    while (performance.now() < deadline && !this.#chatters.every(({ isQuiet }) => isQuiet)) await sleep(100)
    const faults = [...this.#faults, ...this.#chatters.flatMap(chatter => [...this.#faultsOf(chatter)])]
    await Promise.all(
      this.#chatters.map(async ({ talk, binding }) => {
        if (talk instanceof BoshTalk) await talk.terminate()
        else if (binding !== undefined) await this.#call('DELETE', `/${binding.id}`)
        talk?.drop()
      }),
    )
    return faults
  }

  *#faultsOf({ user, isReady, binding, heard, partner }: Chatter): Generator<string> {
    const about = `${user}, in ${binding?.sid.slice(0, 8)}`
    if (!isReady) yield `${about}, has no session at the end`
    const numbers = Array.from({ length: partner.said }, (_, index) => index + 1)
    const lost = numbers.filter(number => !heard.includes(number))
    if (lost.length > 0) yield `${about}, lacks ${lost.length} of ${partner.said} words: ${lost}`
    else if (!this.mayRepeat && String(heard) !== String(numbers)) yield `${about}, has heard ${heard}`
  }

  async #warm(chatter: Chatter): Promise<void> {
    const { user } = chatter
    const about = { jid: `${user}@localhost`, password: user, wait }
    const binding = await this.#call('POST', '', about)
    if (binding === undefined) throw new Error('a warm answered that there is no such session')
    chatter.binding = binding
    const fail = (what: string) => this.#faults.push(`${user}: ${what}`)
    const events: TalkEvents = {
      ready: () => {
        chatter.isReady = true
      },
      heard: stanzas => this.#hear(chatter, stanzas),
      gone: why => {
        chatter.isReady = false
        fail(`its session has ended: ${why}`)
      },
      odd: fail,
    }
    const resume = () => this.#call('POST', `/${binding.id}/resume`)
    chatter.talk = chatter.isOverSocket ? new SocketTalk(binding, resume, events) : new BoshTalk(binding, events)
    chatter.talk.say("<presence xmlns='jabber:client'/>")
    chatter.talk.begin()
  }

  async #chat(chatter: Chatter): Promise<void> {
    const { partner } = chatter
    for (;;) {
      await sleep(this.#options.secondsPerMessage * 1000 * 2 * Math.random())
      if (!this.#isTalking) return
      if (!chatter.isReady || !partner.isReady) continue
      const body = `word ${this.#name} ${++chatter.said}`
      chatter.talk!.say(
        `<message xmlns='jabber:client' to='${partner.binding!.jid}' type='chat'><body>${body}</body></message>`,
      )
    }
  }

  #hear({ heard }: Chatter, stanzas: string): void {
    for (const [, name, number] of stanzas.matchAll(/<body>word (\S+) (\d+)<\/body>/g))
      if (name === this.#name) heard.push(Number(number))
  }

  /** Calls the warm API until it answers; undefined where there is no such session. */
  async #call(method: 'POST' | 'DELETE', path: string, body: object = {}): Promise<TalkBinding | undefined> {
    for (;;) {
      const signal = AbortSignal.timeout(callPatience)
      const call = callSessions(this.#options.url, method, path, { body, signal })
      const answer = await call.catch(() => undefined)
      if (answer?.status === 404) return undefined
      if (answer !== undefined && answer.status < 300) return answer.json ?? {}
      // Backends retry 429 and 5xx. Any other error is a fault of this crowd.
      if (answer !== undefined && answer.status < 500 && answer.status !== 429)
        throw new Error(`${method} ${path}: HTTP ${answer.status}: ${answer.text}`)
      await sleep(againMilliseconds)
    }
  }
}
