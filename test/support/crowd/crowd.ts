// Users who chat in pairs, one over BOSH and one over WebSocket, during faults of the service. Their messages are
// numbered. At the end, the judge reports lost and doubled messages that no fault explains.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { processIn } from '../../../src/store/process-name.js'
import { callSessions } from '../sessions-api.js'
import { BoshTalk } from './bosh-talk.js'
import { Judge } from './judge.js'
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
const locateMilliseconds = 2_000
/** A page that loses its session within this time waits before it asks for another, in milliseconds. */
const soon = 10_000
const firstPause = 500
const longestPause = 8_000
/** Longest delay of a timer that later messages make up for, in milliseconds. */
const mostLate = 1_000
/** Longest time to hold a request, in seconds. Pages repeat a request that takes 1.1 times as long. */
const wait = 8

/** A user, with the page that has the session at the moment. */
class Chatter {
  life: number | undefined
  binding: TalkBinding | undefined
  talk: BoshTalk | SocketTalk | undefined
  isReady = false
  /** Number of sessions in a row that were lost within `soon`. */
  losses = 0
  partner!: Chatter

  constructor(
    readonly user: string,
    readonly isOverSocket: boolean,
  ) {}
}

export class Crowd {
  /** In each message, because a server can deliver messages to users of an earlier crowd. */
  readonly #name = randomUUID()
  readonly #options: CrowdOptions
  readonly #chatters: readonly Chatter[]
  readonly judge = new Judge()
  #places: ReadonlyMap<string, string | undefined> = new Map()
  #locating: NodeJS.Timeout | undefined
  #isTalking = false
  #isClosing = false
  readonly #coming = new Set<Promise<void>>()

  constructor(options: CrowdOptions) {
    this.#options = options
    this.#chatters = options.users.map((user, index) => new Chatter(user, index % 2 === 1))
    for (const [index, chatter] of this.#chatters.entries()) chatter.partner = this.#chatters[index ^ 1]!
  }

  async arrive(): Promise<void> {
    for (const chatter of this.#chatters) {
      this.#keep(this.#warm(chatter))
      await sleep(arrivalMilliseconds)
    }
    await this.#allCome()
    while (!this.#chatters.every(({ isReady }) => isReady)) await sleep(20)
    this.#isTalking = true
    this.#locating = setInterval(() => void this.#locate(), locateMilliseconds)
    for (const chatter of this.#chatters) void this.#chat(chatter)
  }

  /** Numbers of the sessions that this process has now, also of those that other processes opened. */
  async livesAt(node: string): Promise<ReadonlySet<number>> {
    await this.#locate()
    const here = this.#chatters.filter(({ binding }) => binding !== undefined && this.#places.get(binding.id) === node)
    return new Set(here.flatMap(({ life }) => life ?? []))
  }

  /** Asks which process has each session. Without an answer, the last answer counts. */
  async #locate(): Promise<void> {
    const signal = AbortSignal.timeout(callPatience)
    const call = callSessions(this.#options.url, 'GET', '/sessions?limit=1000', { signal })
    const answer = await call.catch(() => undefined)
    if (answer?.status !== 200) return
    const { sessions } = answer.json as { sessions: readonly { id: string; process?: string }[] }
    this.#places = new Map(sessions.map(({ id, process }) => [id, process]))
  }

  /** All users stop talking, wait at most `seconds` for messages, and log out. Resolves with what went wrong. */
  async leave(seconds: number): Promise<readonly string[]> {
    this.#isTalking = false
    const deadline = performance.now() + seconds * 1000
    while (performance.now() < deadline && !this.#isQuiet()) await sleep(100)
    for (const { user, isReady, binding } of this.#chatters)
      if (!isReady)
        this.judge.missed(`${user} has had no session at the end; the last one was in ${binding?.sid.slice(0, 8)}`)
    clearInterval(this.#locating)
    const faults = this.judge.faults()
    this.#isClosing = true
    await this.#allCome()
    await Promise.all(
      this.#chatters.map(async ({ talk, binding }) => {
        if (talk instanceof BoshTalk) await talk.terminate()
        else if (binding !== undefined) await this.#call('DELETE', `/${binding.id}`)
        talk?.drop()
      }),
    )
    return faults
  }

  #isQuiet(): boolean {
    return this.judge.isQuiet && this.#coming.size === 0 && this.#chatters.every(({ isReady }) => isReady)
  }

  async #allCome(): Promise<void> {
    while (this.#coming.size > 0) await Promise.all(this.#coming)
  }

  #keep(coming: Promise<void>): void {
    const kept = coming.finally(() => this.#coming.delete(kept))
    this.#coming.add(kept)
  }

  async #comeBack(chatter: Chatter, lived: number, lostSince: number): Promise<void> {
    chatter.losses = lived < soon ? chatter.losses + 1 : 0
    if (chatter.losses === 0) return this.#warm(chatter, lostSince)
    const most = Math.min(firstPause * 2 ** chatter.losses, longestPause)
    await sleep(most * (0.5 + 0.5 * Math.random()))
    return this.#warm(chatter, performance.now())
  }

  async #warm(chatter: Chatter, since?: number): Promise<void> {
    const { user } = chatter
    const about = { jid: `${user}@localhost`, password: user, wait }
    const binding = await this.#call('POST', '', about)
    if (binding === undefined) throw new Error('a warm answered that there is no such session')
    const before = chatter.life
    const life = this.judge.begin(processIn(binding.sid) ?? '')
    if (before !== undefined && since !== undefined) this.judge.recovered(before, since)
    chatter.life = life
    chatter.binding = binding
    const begun = performance.now()
    const events: TalkEvents = {
      ready: () => {
        chatter.isReady = true
      },
      heard: stanzas => this.#hear(life, stanzas),
      gone: (why, lostSince) => {
        this.judge.end(life, why)
        chatter.isReady = false
        const lived = performance.now() - begun
        if (!this.#isClosing) this.#keep(this.#comeBack(chatter, lived, lostSince))
      },
      odd: what => this.judge.odd(life, what),
    }
    const resume = () => this.#call('POST', `/${binding.id}/resume`)
    chatter.talk = chatter.isOverSocket ? new SocketTalk(binding, resume, events) : new BoshTalk(binding, events)
    chatter.talk.say("<presence xmlns='jabber:client'/>")
    chatter.talk.begin()
  }

  async #chat(chatter: Chatter): Promise<void> {
    const { secondsPerMessage } = this.#options
    // A late timer does not delay the messages after it.
    for (let due = performance.now(); this.#isTalking; ) {
      due = Math.max(due, performance.now() - mostLate) + secondsPerMessage * 1000 * 2 * Math.random()
      await sleep(Math.max(0, due - performance.now()))
      const { life, talk, partner, isReady } = chatter
      if (!this.#isTalking || !isReady || !partner.isReady) continue
      const number = this.judge.say(life!, partner.life!)
      const { jid } = partner.binding!
      const body = `word ${this.#name} ${life} ${partner.life} ${number}`
      talk!.say(`<message xmlns='jabber:client' to='${jid}' type='chat'><body>${body}</body></message>`)
    }
  }

  #hear(life: number, stanzas: string): void {
    for (const [, name, from, to, number] of stanzas.matchAll(/<body>word (\S+) (\d+) (\d+) (\d+)<\/body>/g))
      if (name === this.#name && Number(to) === life) this.judge.hear(Number(from), life, Number(number))
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
