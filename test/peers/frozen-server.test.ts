// Frozen XMPP servers: the kernel still accepts what is sent to them. And servers that are slow to answer.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { combinations } from '../support/matrix.js'
import type { Prosody } from '../support/prosody.js'
import { type Relay, startRelay } from '../support/relay.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { User } from './user.js'
import { XmppJsClient } from './xmpp-js-client.js'

// Each wait in a test has a shorter deadline of its own, which names what did not come.
jest.setTimeout(60_000)

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }

for (const kind of combinations(encryptedServers, ({ maker }) => maker === 'Prosody')) {
  describeWith(kind.packages, `At ${kind.name}`, () => {
    let server: XmppServer & Pick<Prosody, 'pid'>
    let warmer: TestService
    let relay: Relay
    let bob: User

    beforeAll(async () => {
      server = (await kind.start(passwords)) as typeof server
      // A ping after half a second, an answer within one and a half.
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

    test('a page that only sends messages never gets the pings or their answers', async () => {
      const binding = await warmer.bind(alice)
      const page = User.attach(binding.url, binding)
      await page.isUpToDate()
      const before = page.received
      for (let number = 1; number <= 3; number++) {
        page.say(bob.jid, `number ${number}`)
        await bob.receives(`>number ${number}<`)
        // Longer than the server may be silent.
        await pause(1000)
      }
      expect(page.received.replace(before, '')).not.toContain('<iq')
      await page.isUpToDate()
      await page.leave()
    })

    test('a client that counts stanzas with it keeps the right count', async () => {
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
      // Since Node 22, the WebSocket is Node's own, and calls a broken connection a TypeError.
      expect(client.errors.filter(error => error !== 'TypeError')).toEqual([])
      await client.leave()
    })

    test('a session ends when it is frozen, and its page is told', async () => {
      const binding = await warmer.bind(alice)
      const page = User.attach(binding.url, binding)
      await page.isUpToDate()
      process.kill(server.pid, 'SIGSTOP')
      try {
        page.say(bob.jid, 'anyone there?')
        const told = await page.receives("type='terminate'")
        expect(told).toContain("condition='remote-connection-failed'")
        expect(warmer.lines.join('')).toContain('does not answer')
      } finally {
        process.kill(server.pid, 'SIGCONT')
      }
      await page.leave()
    })
  })
}
