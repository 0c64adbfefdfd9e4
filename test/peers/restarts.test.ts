// Restarts of the service with other settings, and of clients that logged in themselves: no message is lost or doubled.
// Runs in npm run test:all only: half a minute at each server; `restarted-pages.test.ts` restarts it five times.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { EventReceiver, eventsSecret } from '../support/event-receiver.js'
import { eventually, patience } from '../support/eventually.js'
import { redisPackages } from '../support/redis-for-workers.js'
import { type RedisServer, startRedisServer } from '../support/redis-server.js'
import { RestartedService } from '../support/restarted-service.js'
import { describeWith } from './needs.js'
import { expectAll, sayBoth } from './numbers.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { User } from './user.js'
import { XmppJsClient } from './xmpp-js-client.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }

for (const kind of encryptedServers) {
  describeWith([...kind.packages, ...redisPackages], `A session at ${kind.name}`, () => {
    let server: XmppServer
    let redis: RedisServer
    let service: RestartedService
    let bob: User
    let page: User

    beforeAll(async () => {
      server = await kind.start(passwords)
      redis = await startRedisServer()
      service = await RestartedService.of({ XMPP_SERVERS: kind.servers(server) })
    }, 100_000)

    beforeEach(async () => {
      await service.start()
      const account = { user: 'bob', domain: 'localhost', password: passwords.bob }
      bob = await User.logIn(`http://127.0.0.1:${server.httpPort}/http-bind`, account)
      page = User.persist(`${service.url}/http-bind`, await service.bind(alice))
      // Directed presence: bob also gets her unavailable presence.
      page.send(`<presence xmlns='jabber:client' to='${bob.jid}'/>`)
      await bob.seesPresence(page.jid, undefined)
    })

    afterEach(async () => {
      await page?.leave()
      await bob?.leave()
      await service.stop()
    })

    afterAll(async () => {
      service?.leave()
      await redis?.remove()
      await server?.stop()
    })

    const withWorkers = (WORKERS: string) => ({ WORKERS, REDIS_URL: `unix:${redis.path}` })

    test('of a WebSocket client that logged in itself is resumed after a restart', async () => {
      const client = await XmppJsClient.logIn(`${service.webSocketUrl}/xmpp-websocket`, 'alice', passwords.alice)
      // If it retries during the restart, it forgets its stream.
      client.waitsBeforeReturn(6_000)
      await client.say(bob.jid, 'number 1')
      await bob.receives('>number 1<')
      await service.restart()
      await client.events.has('resumed', patience)
      await client.say(bob.jid, 'number 2')
      await bob.receives('>number 2<')
      expect(client.events.all).not.toContainEqual(expect.stringMatching(/^lost/))
      await client.leave()
    })

    test('whose domain is no longer served is reported as session.ended after a restart', async () => {
      const receiver = await EventReceiver.start()
      try {
        const { id } = await service.bind(alice)
        await service.restart({
          XMPP_DOMAINS: 'other.example',
          EVENTS_URL: receiver.url,
          EVENTS_SECRET: eventsSecret,
        })
        await eventually('the event arrives', () => receiver.of(id).length > 0)
        expect(receiver.of(id)).toEqual(['session.ended: shutdown'])
      } finally {
        await receiver.stop()
      }
    })

    test('survives changes of WORKERS', async () => {
      let number = 0
      for (const workers of ['2', '1', '3', '0', '2']) {
        await service.restart(withWorkers(workers))
        sayBoth(page, bob, ++number)
        sayBoth(page, bob, ++number)
        await page.isUpToDate()
      }
      await expectAll(page, bob, number, kind.maker)
    })
  })
}
