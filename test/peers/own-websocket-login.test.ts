// Clients that are not warmed but log in themselves over WebSocket, and resume their stream when it is cut.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { type Relay, startRelay } from '../support/relay.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import type { Noted } from './noted.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { StanzaClient } from './stanza-client.js'
import { becomeContacts, passwords, User } from './user.js'
import { isIdle } from './wire.js'
import { XmppJsClient } from './xmpp-js-client.js'

/** A client as its user sees it. */
interface Client {
  readonly jid: string
  readonly texts: Noted
  readonly events: Noted
  say(to: string, text: string): Promise<void>
  receives(text: string): Promise<void>
  leave(): Promise<void>
}

const clients: readonly [name: string, logIn: (url: string, password: string) => Promise<Client>, whyNot: string][] = [
  ['xmpp.js', (url, password) => XmppJsClient.logIn(url, 'alice', password), 'not-authorized'],
  ['stanza', (url, password) => StanzaClient.logIn(url, 'alice@localhost', password), 'auth:failed'],
]

for (const kind of encryptedServers) {
  describeWith(kind.packages, `Clients that log in themselves over WebSocket at ${kind.name}`, () => {
    let server: XmppServer
    let warmer: TestService
    let relay: Relay
    let bob: User
    let client: Client | undefined

    const come = (user: 'alice' | 'bob') =>
      User.logIn(`${warmer.url}/http-bind`, { user, domain: 'localhost', password: passwords[user] })

    beforeAll(async () => {
      server = await kind.start(passwords)
      warmer = await startTestService({ servers: kind.servers(server) })
      relay = await startRelay(warmer.url)
      await becomeContacts(await come('alice'), await come('bob'))
    })

    beforeEach(async () => {
      bob = await come('bob')
    })

    afterEach(async () => {
      await client?.leave()
      await bob?.leave()
    })

    afterAll(async () => {
      await relay?.stop()
      await warmer?.stop()
      await server?.stop()
    })

    const endpoint = () => `${relay.url.replace('http', 'ws')}/xmpp-websocket`

    test.each(clients)('%s chats, resumes its stream over a new socket, and leaves', async (_, logIn) => {
      client = await logIn(endpoint(), passwords.alice)
      const { jid } = client
      expect(jid).toMatch(/^alice@localhost\/.+/)
      await bob.seesPresence(jid, undefined)
      await client.say(bob.jid, 'number 1 for bob: <ja> & nein ☕')
      expect(await bob.receives('number 1 for bob: &lt;ja&gt; &amp; nein ☕')).toContain(jid)
      bob.say(jid, 'number 1 for alice')
      await client.receives('number 1 for alice')

      // Messages in flight are lost with the network.
      relay.stall()
      await client.say(bob.jid, 'number 2 for bob')
      bob.say(jid, 'number 2 for alice')
      await bob.isUpToDate()
      relay.cut()
      relay.restore()
      await client.events.has('resumed')
      await client.receives('number 2 for alice')
      await bob.receives('number 2 for bob')
      expect(client.jid).toBe(jid)
      // Listed for its user, so that it counts and can be ended.
      const { json } = await callSessions(warmer.url, 'GET', `/sessions?jid=${encodeURIComponent(jid)}`)
      expect(json.sessions).toMatchObject([{ jid, state: 'held', transport: 'websocket' }])

      await client.say(bob.jid, 'number 3 for bob')
      await bob.receives('number 3 for bob')
      bob.say(jid, 'number 3 for alice')
      await client.receives('number 3 for alice')
      expect(numbersIn(client.texts.all.join())).toEqual(['1', '2', '3'])
      expect(numbersIn(bob.received)).toEqual(['1', '2', '3'])
      expect(bob.hasSeen(jid, 'unavailable')).toBe(false)

      const gone = bob.seesPresence(jid, 'unavailable')
      await Promise.all([client.leave(), gone])
      client = undefined
      await bob.leave()
      await eventually('no session and no link left', () => isIdle(warmer))
    })
  })
}

/** The numbers of the messages in a text, in its order. */
const numbersIn = (text: string) => Array.from(text.matchAll(/number (\d+) for/g), ([, number]) => number)
