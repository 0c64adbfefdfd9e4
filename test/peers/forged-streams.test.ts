// Attack: a user sends herself a message that contains a server's stream, and restarts her own stream in its middle.
// Her stream is resumed (XEP-0198), so the service has seen no bind, and does not know her JID.
// Runs in npm run test:all only: `test/scenarios/forged-streams.test.ts` has the same with scripted servers.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { attribute, BoshClient } from '../support/bosh-client.js'
import { boshLogin, boshWelcome } from '../support/bosh-login.js'
import { eventually } from '../support/eventually.js'
import { MovedClock } from '../support/moved-clock.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { plainEjabberd, plainProsody, type XmppServer } from './servers.js'
import { type SlowWire, slowWire } from './wire.js'

const passwords = { mallory: 'malice', victim: 'innocence' }
const victim = 'victim@localhost'
const restart = { 'xmpp:restart': 'true', 'xmlns:xmpp': 'urn:xmpp:xbosh' }
const mark = 'here-it-is-cut'
const forged =
  `${mark}<stream xmlns='http://etherx.jabber.org/streams' id='f' from='localhost' version='1.0'>` +
  "<features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></features>" +
  `<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${victim}/desk</jid></bind></iq>` +
  `<message xmlns='jabber:client'><body>${mark}</body></message></stream>`

for (const kind of [plainProsody, plainEjabberd]) {
  describeWith(kind.packages, `A malicious client at ${kind.name}`, () => {
    let server: XmppServer
    let wire: SlowWire
    let clock: MovedClock
    let service: TestService

    beforeAll(async () => {
      server = await kind.start(passwords)
      wire = await slowWire(server.c2sPort, mark)
      clock = new MovedClock()
      // Otherwise the service counts the stanzas of BOSH clients itself.
      const servers = `${kind.servers(server, wire.port)}&sm=off`
      service = await startTestService({ servers, clock })
    }, 100_000)

    afterAll(async () => {
      await service?.stop()
      await wire?.close()
      await server?.stop()
    })

    /** Sends requests until a reply matches. */
    async function ask(client: BoshClient, inner: string, wanted: RegExp): Promise<RegExpExecArray> {
      for (let reply = await client.request(inner); ; reply = await client.request()) {
        const found = wanted.exec(reply)
        if (found !== null) return found
      }
    }

    /** Logs Mallory in, cuts the link, and resumes the stream over another. */
    async function resume(client: BoshClient): Promise<string> {
      const credentials = { user: 'mallory', domain: 'localhost', password: passwords.mallory }
      const before = new BoshClient(client.url)
      const { jid } = await boshLogin(before, credentials)
      const enable = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"
      const tag = (await ask(before, `<presence xmlns='jabber:client'/>${enable}`, /<enabled [^>]*>/))[0]
      wire.cut()
      before.close()
      await boshWelcome(client, credentials)
      await client.request('', restart)
      const previd = attribute(tag, 'id')
      await ask(client, `<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='0'/>`, /<resumed /)
      return jid
    }

    test('is ended for a stream restart inside a message, and gets no other JID', async () => {
      const client = new BoshClient(`${service.url}/http-bind`)
      const jid = await resume(client)
      const message = `<message xmlns='jabber:client' to='${jid}'><x xmlns='urn:x'>${forged}</x></message>`
      const first = client.request(message)
      await eventually('the wire holds the message in its middle', () => wire.isHeld)
      const restarted = client.request('', restart)
      await pause(100)
      wire.release()
      await pause(100)
      const { json } = await callSessions(service.url, 'GET', `/sessions?jid=${victim}`)
      expect(json.sessions).toEqual([])
      expect(await restarted).toContain("condition='bad-request'")
      await first
      clock.advance(10_000)
      const warmed = await service.warm({ jid: victim, password: passwords.victim, visit: 'v1' })
      expect(warmed.json).toMatchObject({
        resumed: false,
        jid: expect.stringMatching(/^victim@localhost\//),
      })
      await callSessions(service.url, 'DELETE', `/sessions?jid=${victim}`)
      client.close()
    })
  })
}
