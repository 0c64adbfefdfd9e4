// Clients that are not warmed but log in themselves, with name and password, over BOSH and over WebSocket.
import { expect, test } from '@jest/globals'
import { eitherChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { fewOrAll } from '../support/matrix.js'
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

    test.each([
      ['stanza', '/http-bind', StanzaClient.logIn],
      ['stanza', '/xmpp-websocket', StanzaClient.logIn],
      ['xmpp.js', '/xmpp-websocket', XmppJsClient.logIn],
    ])('%s logs in at %s, chats and leaves', async (_, path, logIn) => {
      const { url } = stage.service
      await chat(await logIn((path === '/http-bind' ? url : url.replace('http', 'ws')) + path, alice))
    })
  })
}

const offered = (text: string) => Array.from(text.matchAll(/<mechanism>([^<]*)</g), ([, name]) => name ?? '')
