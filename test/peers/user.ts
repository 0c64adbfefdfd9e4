// A user at the other end of raw BOSH: keeps polling, notes everything that comes, says what the test tells it to.

import { setTimeout as pause } from 'node:timers/promises'
import { expect } from '@jest/globals'
import { attribute, BoshClient } from '../support/bosh-client.js'
import { type BoshCredentials, boshLogin } from '../support/bosh-login.js'
import { eventually, patience } from '../support/eventually.js'
import type { Relay } from '../support/relay.js'
import type { TestService, WarmBinding } from '../support/start-service.js'
import type { XmppServer } from '../support/xmpp-server.js'
import type { Visitor } from './noted-page.js'

/**
 * How long a request has to arrive before the next, in milliseconds. Each has a connection of its own, and ejabberd answers none
 * of them any more where the second arrives first.
 */
const headStart = 250

export const passwords = { alice: 'wonderland', bob: 'builder' }
export const alice = { jid: 'alice@localhost', password: passwords.alice }
export const bobs = { jid: 'bob@localhost', password: passwords.bob }

type Warming = Pick<TestService, 'url' | 'bind'>

export class User {
  readonly #bodies: string[] = []
  readonly #open = new Set<Promise<void>>()
  #unsaid = presence
  #over = false
  #fences = 0
  /** Resolves `headStart` after the last request was sent. */
  #turn: Promise<unknown> = Promise.resolve()
  #said = 0

  /** The first request carries presence. */
  private constructor(
    readonly client: BoshClient,
    readonly jid: string,
    readonly headStart = 0,
  ) {
    this.#pump()
  }

  /** Logs in with a password at a server's own BOSH endpoint. */
  static async logIn(url: string, credentials: BoshCredentials): Promise<User> {
    const client = new BoshClient(url)
    const { jid } = await boshLogin(client, credentials)
    return new User(client, jid, headStart)
  }

  /** The same for a user of `localhost` at this server. */
  static logInAt({ httpPort }: Pick<XmppServer, 'httpPort'>, user: string, password: string): Promise<User> {
    return User.logIn(`http://127.0.0.1:${httpPort}/http-bind`, { user, domain: 'localhost', password })
  }

  /** Logged in by a backend, and attached as its page. */
  static async warm({ url, bind }: Warming, parameters: Parameters<Warming['bind']>[0]): Promise<User> {
    return User.attach(`${url}/http-bind`, await bind(parameters))
  }

  /** Attaches as a page does. */
  static attach(url: string, binding: Pick<WarmBinding, 'jid' | 'sid' | 'rid'>): User {
    return new User(new BoshClient(url, binding), binding.jid)
  }

  get bareJid(): string {
    return this.jid.replace(/\/.*$/s, '')
  }

  /** Everything that came, oldest first. */
  get received(): string {
    return this.#bodies.join('\n')
  }

  get texts(): string[] {
    return textsIn(this.received)
  }

  /** The numbers of messages such as `number 5`, in their order. */
  get numbers(): number[] {
    return Array.from(this.received.matchAll(/>number (\d+)</g), ([, number]) => Number(number))
  }

  send(stanza: string): void {
    this.#unsaid += stanza
    this.#pump()
  }

  say(to: string, text: string): void {
    const id = `said-${++this.#said}`
    this.send(`<message xmlns='jabber:client' type='chat' id='${id}' to='${to}'><body>${text}</body></message>`)
  }

  receives(text: string, milliseconds = patience): Promise<string> {
    return this.#until(text, body => body.includes(text), milliseconds)
  }

  /** The two see each other, and each writes to the other, with characters that XML escapes. */
  async chatsWith(visitor: Visitor): Promise<void> {
    const jid = await visitor.jid()
    await this.seesPresence(jid, undefined)
    await visitor.say(this.bareJid, 'Tee? <ja> & nein ☕')
    expect(await this.receives('Tee? &lt;ja&gt; &amp; nein ☕')).toContain(jid)
    this.say(jid, 'lieber Kaffee ☕')
    await visitor.receives('lieber Kaffee ☕')
  }

  /** Resolves once a presence came from this full JID, of this type. */
  seesPresence(from: string, type: string | undefined, milliseconds = patience): Promise<string> {
    const what = `${type ?? 'available'} presence from ${from}`
    return this.#until(what, body => hasPresence(body, from, type), milliseconds)
  }

  hasSeen(from: string, type?: string): boolean {
    return this.#bodies.some(body => hasPresence(body, from, type))
  }

  /** Resolves once the server has answered, so that whatever it sent before has come. */
  async isUpToDate(milliseconds = patience): Promise<void> {
    const id = `fence-${++this.#fences}`
    const ping = "<ping xmlns='urn:xmpp:ping'/>"
    const domain = this.bareJid.replace(/^.*@/, '')
    this.send(`<iq xmlns='jabber:client' type='get' id='${id}' to='${domain}'>${ping}</iq>`)
    await this.#until(`answer to ${id}`, body => body.includes(id), milliseconds)
  }

  /** Ends the session, and resolves when no request is open any more. May be called twice. */
  async leave(): Promise<void> {
    // As with every client, a poll follows the last reply, and confirms it.
    if (!this.#over) await pause(headStart)
    if (!this.#over) {
      this.#over = true
      await this.client.terminate().catch(() => {})
    }
    await Promise.all(this.#open)
    this.client.close()
  }

  /** As every client does: one request held, at most one more with what there is to say. */
  #pump(): void {
    if (this.#over) return
    const isDue = this.#open.size === 0 || (this.#open.size === 1 && this.#unsaid !== '')
    if (isDue) this.#track(this.#ask())
  }

  #track(request: Promise<void>): void {
    this.#open.add(request)
    void request.then(() => {
      this.#open.delete(request)
      this.#pump()
    })
  }

  async #ask(): Promise<void> {
    // Replies over two connections may overtake each other: the order is that of the requests.
    const before = [...this.#open]
    if (this.headStart > 0) {
      const turn = this.#turn
      this.#turn = turn.then(() => pause(this.headStart))
      await turn
    }
    const stanzas = this.#unsaid
    this.#unsaid = ''
    try {
      const body = await this.client.request(stanzas)
      await Promise.all(before)
      this.#note(body)
    } catch (error) {
      this.#over = true
      this.#note(`<failed>${(error as Error).message}</failed>`)
    }
  }

  #note(body: string): void {
    this.#bodies.push(body)
    if (attribute(body, 'type') === 'terminate') this.#over = true
  }

  async #until(what: string, isIt: (body: string) => boolean, milliseconds: number): Promise<string> {
    const found = () => this.#bodies.find(isIt)
    await eventually(what, () => found() !== undefined, { seconds: milliseconds / 1000 }).catch(error => {
      throw new Error(`${this.jid}: ${error.message}, but:\n${this.received}`)
    })
    return found()!
  }
}

/** Makes the two see each other's presence, as with their own clients (RFC 6121 §3.1). */
export async function befriend(one: User, other: User): Promise<void> {
  for (const [asking, asked] of [
    [one, other],
    [other, one],
  ] as const) {
    asking.send(`<presence xmlns='jabber:client' type='subscribe' to='${asked.bareJid}'/>`)
    await asked.seesPresence(asking.bareJid, 'subscribe')
    asked.send(`<presence xmlns='jabber:client' type='subscribed' to='${asking.bareJid}'/>`)
    // The answer itself only goes to who has asked for a roster.
    await asking.seesPresence(asked.jid, undefined)
  }
}

export const presence = "<presence xmlns='jabber:client'/>"

function hasPresence(body: string, from: string, type: string | undefined): boolean {
  const tags = body.match(/<presence\b[^>]*>/g) ?? []
  return tags.some(tag => attribute(tag, 'from') === from && attribute(tag, 'type') === type)
}

/** Makes contacts of the two, who then leave. Converse opens chats with contacts only. */
export async function becomeContacts(one: User, other: User): Promise<void> {
  await befriend(one, other)
  await Promise.all([one.leave(), other.leave()])
}

export const textsIn = (stanzas: string) => Array.from(stanzas.matchAll(/<body>([^<]*)<\/body>/g), ([, text]) => text!)

/** A page that talks to itself hears each number once and in order, although its link is cut. Ends its session. */
export async function outlivesCuts(page: User, { cut }: Pick<Relay, 'cut'>): Promise<void> {
  page.say(page.jid, 'number 1')
  await page.receives('>number 1<')
  for (let number = 2; number <= 6; number++) {
    page.say(page.jid, `number ${number}`)
    if (number % 2 === 0) cut()
  }
  await page.receives('>number 6<')
  expect(page.numbers).toEqual([1, 2, 3, 4, 5, 6])
  await page.leave()
}
