// Frozen XMPP servers: the kernel still accepts data for them.
// Runs in npm run test:all only: servers that do not answer for many seconds.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import type { Prosody } from '../support/prosody.js'
import { type Relay, startRelay } from '../support/relay.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { User } from './user.js'
import { XmppJsClient } from './xmpp-js-client.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }

for (const kind of encryptedServers) {
  describeWith(kind.packages, `A session at ${kind.name}`, () => {
    let server: XmppServer & Pick<Prosody, 'pid'>
    let warmer: TestService
    let relay: Relay
    let bob: User

    beforeAll(async () => {
      server = (await kind.start(passwords)) as typeof server
      // A ping after 0.5 s, its timeout 1.5 s later.
      warmer = await startTestService({
        servers: kind.servers(server),
        environment: { XMPP_TIMEOUT: '2' },
      })
      relay = await startRelay(warmer.url)
      bob = await User.logIn(`${warmer.url}/http-bind`, {
        user: 'bob',
        domain: 'localhost',
        password: passwords.bob,
      })
    }, 100_000)

    afterAll(async () => {
      await bob?.leave()
      await relay?.stop()
      await warmer?.stop()
      await server?.stop()
    })

    test('sends no ping of the link, and no response to it, to its page', async () => {
      const binding = await warmer.bind(alice)
      const page = User.attach(binding.url, binding)
      await page.isUpToDate()
      const before = page.received
      for (let number = 1; number <= 3; number++) {
        page.say(bob.jid, `number ${number}`)
        await bob.receives(`>number ${number}<`)
        // Together longer than XMPP_TIMEOUT.
        await pause(1000)
      }
      expect(page.received.replace(before, '')).not.toContain('<iq')
      await page.isUpToDate()
      await page.leave()
    })

    test('counts stanzas right for a client with its own stream management', async () => {
      const client = await XmppJsClient.logIn(
        `${relay.url.replace('http', 'ws')}/xmpp-websocket`,
        'alice',
        passwords.alice,
      )
      for (let number = 1; number <= 3; number++) {
        await client.say(bob.jid, `count ${number}`)
        await bob.receives(`>count ${number}<`)
        await pause(1000)
      }
      relay.stall()
      await client.say(bob.jid, 'count 4')
      relay.cut()
      relay.restore()
      await client.events.has('resumed')
      await bob.receives('>count 4<')
      expect(bob.received.match(/>count \d</g)).toEqual(['>count 1<', '>count 2<', '>count 3<', '>count 4<'])
      // Node's WebSocket reports a broken connection as TypeError.
      expect(client.errors.filter(error => error !== 'TypeError')).toEqual([])
      await client.leave()
    })

    test('survives a freeze longer than XMPP_TIMEOUT, and loses no message', async () => {
      const binding = await warmer.bind(alice)
      const page = User.attach(binding.url, binding)
      await page.isUpToDate()
      const account = { user: 'bob', domain: 'localhost', password: passwords.bob }
      const bob = await User.logIn(`http://127.0.0.1:${server.httpPort}/http-bind`, account)
      const isGivenUp = () => warmer.lines.filter(line => line.includes('does not answer')).length > 0
      process.kill(server.pid, 'SIGSTOP')
      try {
        for (let number = 1; number <= 3; number++) page.say(bob.jid, `frozen ${number}`)
        bob.say(page.jid, 'frozen too')
        await eventually('the link has timed out', isGivenUp)
        page.say(bob.jid, 'frozen 4')
      } finally {
        process.kill(server.pid, 'SIGCONT')
      }
      await bob.receives('>frozen 4<')
      await page.receives('>frozen too<')
      await Promise.all([page.isUpToDate(), bob.isUpToDate()])
      expect(bob.received.match(/>frozen \d</g)).toEqual(['>frozen 1<', '>frozen 2<', '>frozen 3<', '>frozen 4<'])
      expect(page.received.match(/>frozen too</g)).toHaveLength(1)
      expect(page.received).not.toMatch(/type='terminate'|remote-server-timeout/)
      await page.leave()
      await bob.leave()
    })

    test('ends if the server stays frozen, and returns unconfirmed messages to its page', async () => {
      const hasty = await startTestService({
        servers: kind.servers(server),
        environment: { XMPP_TIMEOUT: '2', LINK_RESUME_TIME: '1' },
      })
      try {
        const binding = await hasty.bind(alice)
        const page = User.attach(binding.url, binding)
        await page.isUpToDate()
        process.kill(server.pid, 'SIGSTOP')
        page.say(bob.jid, 'anyone there?')
        const told = await page.receives("type='terminate'")
        expect(told).toContain("condition='remote-stream-error'")
        const returned = [
          ...page.received.matchAll(/<message [^>]*type='error'[^>]*><error [^>]*><remote-server-timeout /g),
        ]
        expect(returned).toHaveLength(1)
        expect(returned[0]!.index).toBeLessThan(page.received.indexOf(told))
        expect(hasty.lines.join('')).toContain('does not answer')
        await page.leave()
      } finally {
        process.kill(server.pid, 'SIGCONT')
        await hasty.stop()
      }
    })
  })
}
