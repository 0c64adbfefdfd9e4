// Clients that are not warmed but log in themselves, with name and password, over BOSH and over WebSocket.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { eitherChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { fewOrAll } from '../support/matrix.js'
import { type Relay, startRelay } from '../support/relay.js'
import { callSessions } from '../support/sessions-api.js'
import { describeWith } from './needs.js'
import type { Visitor } from './noted-page.js'
import { PagesStage } from './pages-stage.js'
import { createPageRouter, PortalPage } from './portal-page.js'
import { bothServers } from './servers.js'
import { StanzaClient } from './stanza-client.js'
import { alice, passwords } from './user.js'
import { XmppJsClient } from './xmpp-js-client.js'

type Client = Visitor & { leave(): Promise<void> }

for (const kind of fewOrAll(bothServers(passwords), ({ name }) => name === 'Prosody')) {
  describeWith([...kind.packages, eitherChromium], `Clients that log in themselves at ${kind.name}`, () => {
    const stage = PagesStage.of({
      browser: eitherChromium,
      start: kind.start,
      routers: () => [createPageRouter()],
    })
    let relay: Relay
    let socketClient: XmppJsClient | StanzaClient | undefined

    beforeAll(async () => {
      relay = await startRelay(stage.service.url)
    })

    afterEach(() => socketClient?.leave())

    afterAll(() => relay?.stop())

    /** Sends a message each way, and logs out. */
    const chat = async (client: Client) => {
      const { bob } = stage
      const jid = await client.jid()
      expect(jid).toMatch(/^alice@localhost\/.+/)
      await bob.chatsWith(client)
      const gone = bob.seesPresence(jid, 'unavailable')
      await Promise.all([client.leave(), gone])
      await eventually('no session and no link left', stage.service.isIdle)
    }

    test('Strophe logs in, chats and leaves', async () => {
      const { url } = stage.service
      const page = await PortalPage.open(await stage.context.newPage(), url, url)
      await page.logIn(alice.jid, passwords.alice)
      await page.reaches('CONNECTED')
      const mechanisms = offered(await page.received())
      expect(mechanisms).toContain('SCRAM-SHA-1')
      expect(mechanisms.filter(name => name === 'PLAIN' || name.endsWith('-PLUS'))).toEqual([])
      await chat(page)
      expect(page.complaints).toEqual([])
    })

    test('Converse logs in, chats and logs out', async () => {
      const page = await stage.comeWithConverseAlone({ authentication: 'login', ...alice })
      await page.has('connected')
      await chat(page.in(stage.bob.bareJid))
    })

    test('stanza logs in, chats and leaves', async () => {
      await chat(await StanzaClient.logIn(`${stage.service.url}/http-bind`, alice.jid, passwords.alice))
    })

    test.each([
      ['xmpp.js', (url: string) => XmppJsClient.logIn(url, 'alice', passwords.alice)],
      ['stanza', (url: string) => StanzaClient.logIn(url, alice.jid, passwords.alice)],
    ])('%s resumes its stream over a new WebSocket, and loses no message', async (_, logIn) => {
      const { bob, service } = stage
      const client = await logIn(`${relay.url.replace('http', 'ws')}/xmpp-websocket`)
      socketClient = client
      const jid = await client.jid()
      await bob.seesPresence(jid, undefined)
      await client.say(bob.jid, 'number 1')
      bob.say(jid, 'number 1')
      await client.receives('number 1')

      // Messages in flight are lost with the network.
      relay.stall()
      await client.say(bob.jid, 'number 2')
      bob.say(jid, 'number 2')
      await bob.isUpToDate()
      relay.cut()
      relay.restore()
      await client.resumes()
      // Listed for its user, so that it counts and can be ended.
      const { json } = await callSessions(service.url, 'GET', `/sessions?jid=${encodeURIComponent(jid)}`)
      expect(json.sessions).toMatchObject([{ jid, state: 'held', transport: 'websocket' }])
      await bob.receives('>number 2<')
      await client.receives('number 2')
      await chat(client)
      socketClient = undefined
      const texts = await client.texts()
      expect(texts.filter(text => text.startsWith('number'))).toEqual(['number 1', 'number 2'])
      expect(bob.numbers).toEqual([1, 2])
      expect(await client.jid()).toBe(jid)
    })
  })
}

const offered = (text: string) => Array.from(text.matchAll(/<mechanism>([^<]*)</g), ([, name]) => name ?? '')
