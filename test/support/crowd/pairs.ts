// Users who chat in pairs, one over BOSH and one over WebSocket. A ledger has each message: how often and in which
// order it arrived, and whether it was returned to its sender.
import { setTimeout as sleep } from 'node:timers/promises'
import { callSessions } from '../sessions-api.js'
import { BoshTalk } from './bosh-talk.js'
import { SocketTalk } from './socket-talk.js'
import type { TalkBinding } from './talk.js'

export interface Tally {
  readonly said: number
  /** Neither received nor returned nor `unconfirmed`. */
  readonly lost: number
  /** Received only after its user had become unavailable and available again: from the offline store. */
  readonly late: number
  readonly doubled: number
  readonly reordered: number
  /** Not heard, and back as an error. */
  readonly returned: number
  /** Received, and also returned as an error. */
  readonly returnedToo: number
  /** Not received: the sender's session ended before it was confirmed. */
  readonly unconfirmed: number
  readonly sessionsEnded: number
  readonly jidsChanged: number
  /** Times that a user has seen the other go. */
  readonly goings: number
  readonly examples: readonly string[]
}

interface Word {
  readonly id: string
  heard: number
  isReturned: boolean
  isUnconfirmed: boolean
}

interface Chatter {
  readonly user: string
  readonly isOverSocket: boolean
  partner: Chatter
  binding: TalkBinding | undefined
  talk: BoshTalk | SocketTalk | undefined
  isReady: boolean
  said: number
  /** The number of the last word that it has heard. */
  heard: number
  jidBefore: string | undefined
}

export interface PairsOptions {
  readonly url: string
  /** As `name:secret`. */
  readonly admin: string
  /** Accounts of `localhost`, an even number. Each password is the name. */
  readonly users: readonly string[]
  readonly secondsPerMessage: number
}

/** For how many seconds requests may be held. */
const wait = 8
const againMilliseconds = 500
const callPatience = 30_000
const arrivalsPerSecond = 15

export class Pairs {
  readonly #options: PairsOptions
  readonly #chatters: readonly Chatter[]
  #words = new Map<string, Word>()
  #reordered: string[] = []
  #ended = 0
  #goings = 0
  #reasons = new Map<string, number>()
  #isTalking = false
  #isClosing = false
  #talking: Promise<unknown> = Promise.resolve()

  constructor(options: PairsOptions) {
    this.#options = options
    this.#chatters = options.users.map((user, index) => ({
      ...{ user, isOverSocket: index % 2 === 1, partner: undefined as unknown as Chatter, binding: undefined },
      ...{ talk: undefined, isReady: false, said: 0, heard: 0, jidBefore: undefined },
    }))
    for (const [index, chatter] of this.#chatters.entries()) chatter.partner = this.#chatters[index ^ 1]!
  }

  async arrive(): Promise<void> {
    for (const chatter of this.#chatters) {
      void this.#come(chatter)
      await sleep(1000 / arrivalsPerSecond)
    }
    await this.#until(() => this.#areReady, 180)
    if (!this.#areReady) throw new Error('not all have a session')
  }

  /** Starts the chats, with an empty ledger. */
  begin(): void {
    this.#words = new Map()
    this.#ended = this.#goings = 0
    this.#reordered = []
    this.#reasons = new Map()
    for (const chatter of this.#chatters) chatter.jidBefore = chatter.binding!.jid
    this.#isTalking = true
    this.#talking = Promise.all(this.#chatters.map(chatter => this.#chat(chatter)))
  }

  /** Stops the chats, waits at most `seconds` until the fate of each message is known, and counts the messages. */
  async end(seconds: number): Promise<Tally> {
    this.#isTalking = false
    await this.#talking
    const isKnown = ({ heard, isReturned, isUnconfirmed }: Word) => heard > 0 || isReturned || isUnconfirmed
    const words = [...this.#words.values()]
    await this.#until(() => this.#areReady && words.every(isKnown), seconds)
    const missing = words.filter(word => !isKnown(word))
    await this.#comeAgain(missing)
    // Duplicates arrive late.
    await sleep(1_000)
    const count = (isIt: (word: Word) => boolean) => words.filter(isIt).length
    const lost = words.filter(word => !isKnown(word))
    const doubled = words.filter(({ heard }) => heard > 1)
    const name = (what: string, some: readonly Word[]) => some.slice(0, 5).map(({ id }) => `${what} ${id}`)
    const absent = this.#chatters.filter(({ isReady }) => !isReady).map(({ user }) => `${user} has no session`)
    return {
      said: words.length,
      lost: lost.length,
      late: missing.filter(isKnown).length,
      doubled: doubled.length,
      reordered: this.#reordered.length,
      returned: count(({ heard, isReturned }) => heard === 0 && isReturned),
      returnedToo: count(({ heard, isReturned }) => heard > 0 && isReturned),
      unconfirmed: count(({ heard, isReturned, isUnconfirmed }) => heard === 0 && !isReturned && isUnconfirmed),
      sessionsEnded: this.#ended,
      jidsChanged: this.#chatters.filter(({ jidBefore, binding }) => jidBefore !== binding?.jid).length,
      goings: this.#goings,
      examples: [
        ...name('lost', lost),
        ...name('doubled', doubled),
        ...this.#reordered.slice(0, 5),
        ...absent.slice(0, 5),
        ...[...this.#reasons].map(([why, times]) => `${times} × ${why}`).slice(0, 5),
      ],
    }
  }

  async leave(): Promise<void> {
    this.#isTalking = false
    this.#isClosing = true
    for (const { talk } of this.#chatters) talk?.drop()
    await this.#call('DELETE', `/sessions?jid=${this.#options.users[0]}@localhost`)
  }

  /** Users who miss messages become unavailable and available again, so that the server sends stored messages. */
  async #comeAgain(missing: readonly Word[]): Promise<void> {
    const senders = new Set(missing.map(({ id }) => id.split('-')[0]))
    const heirs = this.#chatters.filter(({ isReady, partner }) => isReady && senders.has(partner.user))
    for (const { talk } of heirs) talk!.say("<presence xmlns='jabber:client' type='unavailable'/>")
    if (heirs.length > 0) await sleep(1_000)
    for (const { talk } of heirs) talk!.say("<presence xmlns='jabber:client'/>")
    if (heirs.length > 0) await sleep(3_000)
  }

  get #areReady(): boolean {
    return this.#chatters.every(({ isReady }) => isReady)
  }

  async #until(isIt: () => boolean, seconds: number): Promise<void> {
    for (const end = performance.now() + seconds * 1000; performance.now() < end && !isIt(); ) await sleep(100)
  }

  async #come(chatter: Chatter): Promise<void> {
    const { user } = chatter
    const binding = await this.#call('POST', '', { jid: `${user}@localhost`, password: user, wait })
    if (binding === undefined) return
    chatter.binding = binding
    let isNew = true
    const events = {
      ready: () => {
        chatter.isReady = true
        if (isNew) this.#meet(chatter)
        isNew = false
      },
      heard: (stanzas: string) => this.#hear(chatter, stanzas),
      gone: (why: string) => {
        if (this.#isClosing) return
        chatter.isReady = false
        this.#ended += 1
        const reason = /condition='[^']*'/.exec(why)?.[0] ?? why.slice(0, 60)
        this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1)
        for (const [, id] of talk.unconfirmed.matchAll(/ id='([^']+)'/g)) {
          const word = this.#words.get(id!)
          if (word !== undefined) word.isUnconfirmed = true
        }
        void this.#come(chatter)
      },
      odd: (what: string) => void this.#reasons.set(what, (this.#reasons.get(what) ?? 0) + 1),
    }
    const talk = chatter.isOverSocket
      ? new SocketTalk(binding, () => this.#call('POST', `/${binding.id}/resume`), events)
      : new BoshTalk(binding, events, false)
    chatter.talk = talk
    talk.say("<presence xmlns='jabber:client'/>")
    talk.begin()
  }

  /** Sends directed presence, so that each sees when the other goes. */
  #meet(chatter: Chatter): void {
    for (const one of [chatter, chatter.partner])
      if (one.isReady && one.partner.binding !== undefined)
        one.talk!.say(`<presence xmlns='jabber:client' to='${one.partner.binding.jid}'/>`)
  }

  async #chat(chatter: Chatter): Promise<void> {
    const { secondsPerMessage } = this.#options
    while (this.#isTalking) {
      await sleep(secondsPerMessage * 1000 * 2 * Math.random())
      if (!this.#isTalking || !chatter.isReady) continue
      const number = ++chatter.said
      const id = `${chatter.user}-${number}`
      this.#words.set(id, { id, heard: 0, isReturned: false, isUnconfirmed: false })
      const to = chatter.partner.binding!.jid
      chatter.talk!.say(
        `<message xmlns='jabber:client' to='${to}' type='chat' id='${id}'><body>word ${number}</body></message>`,
      )
    }
  }

  #hear(chatter: Chatter, stanzas: string): void {
    for (const [, tag = '', inner = ''] of stanzas.matchAll(/<message\b([^>]*)>(.*?)<\/message>/gs)) {
      const word = this.#words.get(/ id=['"]([^'"]+)/.exec(tag)?.[1] ?? '')
      if (word === undefined) continue
      if (/ type=['"]error/.test(tag)) word.isReturned = true
      else if (inner.includes('<body')) {
        word.heard += 1
        const number = Number(word.id.split('-')[1])
        if (word.heard === 1 && number < chatter.heard)
          this.#reordered.push(
            `reordered ${word.id} behind ${chatter.heard} ${chatter.isOverSocket ? 'over WebSocket' : 'over BOSH'}`,
          )
        chatter.heard = Math.max(chatter.heard, number)
      }
    }
    for (const [tag] of stanzas.matchAll(/<presence\b[^>]* type=['"]unavailable[^>]*>/g))
      if (tag.includes(`${chatter.partner.user}@`)) this.#goings += 1
  }

  /** Calls the warm API until it answers; undefined where there is no such session. */
  async #call(method: 'POST' | 'DELETE', path: string, body: object = {}): Promise<TalkBinding | undefined> {
    const authorization = `Basic ${Buffer.from(this.#options.admin).toString('base64')}`
    for (;;) {
      const signal = AbortSignal.timeout(callPatience)
      const call = callSessions(this.#options.url, method, path, { authorization, body, signal })
      const answer = await call.catch(() => undefined)
      if (answer?.status === 404 || this.#isClosing) return undefined
      if (answer !== undefined && answer.status < 300) return answer.json ?? {}
      await sleep(againMilliseconds * (1 + Math.random()))
    }
  }
}
