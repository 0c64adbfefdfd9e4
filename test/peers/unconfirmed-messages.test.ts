// The server goes silent, a page sends messages over WebSocket, and resumes its stream at the service. The page forgets
// only messages that it was told have arrived: none is lost, however the server comes back.
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import * as say from '../browsers/websocket/pages.js'
import { fewOrAll } from '../support/matrix.js'
import { type Relay, startRelay } from '../support/relay.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { WebSocketWire } from '../support/websocket-wire.js'
import { describeWith } from './needs.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { User } from './user.js'

// Waits in tests time out earlier, and say what is missing.
jest.setTimeout(120_000)

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }
const bobs = { user: 'bob', domain: 'localhost', password: passwords.bob }

const open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>"
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

/** A page with stream management that keeps its messages until they are acknowledged (XEP-0198). */
class CountingPage {
  #wire!: WebSocketWire
  #streamId = ''
  /** Of stanzas that came. */
  #received = 0
  #unacknowledged: number[] = []
  /** Stanzas that the page has forgotten. */
  acknowledged = 0

  constructor(readonly url: string) {}

  get unacknowledged(): readonly number[] {
    return this.#unacknowledged
  }

  async begin(token: string): Promise<void> {
    await this.#logIn(token)
    this.#wire.send(say.bind)
    await this.#until(/<jid>/)
    this.#wire.send(say.enable)
    this.#streamId = / id='([^']+)'/.exec(await this.#until(/^<enabled /))![1]!
    this.#received = 0
    this.acknowledged = 0
  }

  send(all: readonly number[]): void {
    this.#unacknowledged.push(...all)
    for (const number of all)
      this.#wire.send(
        `<message xmlns='jabber:client' type='chat' id='n${number}' to='bob@localhost'><body>number ${number}</body></message>`,
      )
  }

  /** Asks how many stanzas have arrived. */
  async ask(): Promise<void> {
    this.#wire.send(say.request)
    this.#forget(await this.#until(/^<a /))
  }

  drop(): void {
    this.#wire.drop()
  }

  /** Sends again what was not acknowledged. */
  async resume(token: string): Promise<void> {
    await this.#logIn(token)
    this.#wire.send(say.resume(this.#streamId, this.#received))
    this.#forget(await this.#until(/^<resumed /))
    this.send(this.#unacknowledged.splice(0))
  }

  /** Begins another session, and sends again what was not acknowledged in the last. */
  async beginAgain(token: string): Promise<void> {
    await this.begin(token)
    this.send(this.#unacknowledged.splice(0))
  }

  async ends(): Promise<void> {
    await this.#until(/<stream:error/)
    this.#wire.drop()
  }

  async #logIn(token: string): Promise<void> {
    this.#wire = await WebSocketWire.open(this.url, { path: '/xmpp-websocket/warm' })
    this.#wire.send(open, say.auth(token, 'alice'))
    await this.#until(/^<success/)
    this.#wire.send(open)
    await this.#until(/features/)
  }

  #forget(answer: string): void {
    const count = Number(/ h='(\d+)'/.exec(answer)![1])
    this.#unacknowledged.splice(0, count - this.acknowledged)
    this.acknowledged = count
  }

  async #until(wanted: RegExp): Promise<string> {
    const { messages, code } = await this.#wire.rest(wanted)
    if (code !== undefined) throw new Error(`no ${wanted}, but ${messages} and ${code}`)
    this.#received += messages.filter(message => /^<(?:message|presence|iq)\b/.test(message)).length
    return messages.at(-1)!
  }
}

for (const kind of fewOrAll(encryptedServers, ({ maker }) => maker === 'Prosody')) {
  describeWith(kind.packages, `A page whose link to ${kind.name} is silent`, () => {
    let server: XmppServer
    let relay: Relay
    let service: TestService
    let bob: User
    let page: CountingPage
    let id: string

    beforeAll(async () => {
      server = await kind.start(passwords)
      relay = await startRelay(`http://127.0.0.1:${server.c2sPort}`)
      service = await startTestService({ servers: kind.servers(server, Number(new URL(relay.url).port)) })
    }, 100_000)

    beforeEach(async () => {
      bob = await User.logIn(`http://127.0.0.1:${server.httpPort}/http-bind`, bobs)
      const binding = await service.bind(alice)
      id = binding.id
      page = new CountingPage(service.url)
      await page.begin(binding.websocket!.token)
      page.send(numbers(1, 3))
      await bob.receives('>number 3<')
      await page.ask()
      expect([page.acknowledged, page.unacknowledged]).toEqual([3, []])

      relay.stall()
      page.send(numbers(4, 13))
      await page.ask()
      page.drop()
      const resumed = await callSessions(service.url, 'POST', `/${id}/resume`)
      await page.resume(resumed.json.websocket.token)
      await page.ask()
      expect([page.acknowledged, page.unacknowledged]).toEqual([3, numbers(4, 13)])
      expect(bob.numbers).toEqual(numbers(1, 3))
    })

    afterEach(async () => {
      page.drop()
      relay.restore()
      await bob?.leave()
      await callSessions(service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
    })

    afterAll(async () => {
      await service?.stop()
      await relay?.stop()
      await server?.stop()
    })

    test('sends its messages once, if the link is cut and comes back', async () => {
      relay.cut()
      relay.restore()
      await bob.receives('>number 13<')
      while (page.unacknowledged.length > 0) await page.ask()
      await bob.isUpToDate()
      expect(bob.numbers).toEqual(numbers(1, 13))
    })

    test('still has the messages that do not arrive, if the server is killed and restarted', async () => {
      await server.kill()
      await bob.leave()
      relay.restore()
      await server.restart()
      bob = await User.logIn(`http://127.0.0.1:${server.httpPort}/http-bind`, bobs)
      await page.ends()
      expect(page.unacknowledged).toEqual(numbers(4, 13))
      await page.beginAgain((await service.bind(alice)).websocket!.token)
      await bob.receives('>number 13<')
      while (page.unacknowledged.length > 0) await page.ask()
      await bob.isUpToDate()
      expect(bob.numbers).toEqual(numbers(4, 13))
    })
  })
}
