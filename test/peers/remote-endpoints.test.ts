// BOSH endpoints of Debian's Prosody and ejabberd as remote endpoints. Browsers use this service, or the endpoint.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { stoppedAfterAll } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { type Relay, startRelay } from '../support/relay.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { bothServers, type XmppServer } from './servers.js'
import { alice, befriend, passwords, User } from './user.js'

const pages = 10
const cuts = 6
/** Time between two messages of each user, in milliseconds. */
const beat = 50
/** The longest that all messages may take to arrive, in seconds. */
const patience = 60

for (const kind of bothServers(passwords)) {
  describeWith(kind.packages, `A service at the BOSH endpoint of ${kind.name}`, () => {
    const keep = stoppedAfterAll()
    let server: XmppServer
    let wire: Relay
    let bob: User
    const attached = new Set<User>()

    const logIn = (user: keyof typeof passwords) => User.logInAt(server, user, passwords[user])

    const attach = (binding: WarmBinding) => {
      const user = User.attach(binding.url, binding)
      attached.add(user)
      return user
    }

    beforeAll(async () => {
      server = await keep(kind.start())
      wire = await keep(startRelay(`http://127.0.0.1:${server.httpPort}`))
      bob = await keep(logIn('bob'))
      const page = await logIn('alice')
      await befriend(bob, page)
      await page.leave()
    })

    describe.each(['here', 'there'] as const)('with REMOTE_ATTACH=%s', where => {
      let warmer: TestService

      beforeAll(async () => {
        const endpoint = `http://127.0.0.1:${wire.port}/http-bind`
        warmer = await startTestService({
          servers: `localhost=${endpoint},unknown.example=${endpoint}`,
          environment: { REMOTE_ATTACH: where, XMPP_DOMAINS: 'localhost,unknown.example' },
        })
      })

      afterEach(async () => {
        await Promise.all([...attached].map(user => user.leave()))
        attached.clear()
        await eventually('nothing is left open', warmer.isIdle)
        expect(endedOf(wire)).toEqual(createdOf(wire))
      })

      afterAll(async () => warmer?.stop())

      test('warms sessions for pages, and passes messages each way', async () => {
        const binding = await warmer.bind({ ...alice, wait: 20 })
        expect(binding).toMatchObject({
          jid: expect.stringMatching(/^alice@localhost\/.+/),
          rid: expect.any(Number),
          wait: 20,
          url: where === 'here' ? `${warmer.url}/http-bind` : `http://127.0.0.1:${wire.port}/http-bind`,
        })
        for (const secret of [binding.sid, alice.password]) expect(warmer.lines.join()).not.toContain(secret)
        const page = attach(binding)
        await bob.seesPresence(page.jid, undefined)
        page.say(bob.jid, `how is the tea ${where}? ☕ &lt;hot&gt;`)
        expect(await bob.receives(`how is the tea ${where}? ☕ &lt;hot&gt;`)).toContain(page.jid)
        bob.say(page.jid, 'cold')
        expect(await page.receives('cold')).toMatch(/<message\b[^>]*xmlns=['"]jabber:client['"]/)
        for (let number = 0; number < 20; number++) {
          page.say(bob.jid, `to bob ${where}: ${number};`)
          bob.say(page.jid, `to alice: ${number};`)
        }
        // These clients do not keep the order of two replies.
        const numbers = Array.from({ length: 20 }, (_, index) => index)
        const heard = (user: User, text: string) =>
          numbers.filter(number => user.received.split(`${text}: ${number};`).length === 2)
        await Promise.all(numbers.map(number => bob.receives(`to bob ${where}: ${number};`)))
        await Promise.all(numbers.map(number => page.receives(`to alice: ${number};`)))
        expect(heard(bob, `to bob ${where}`)).toEqual(numbers)
        expect(heard(page, 'to alice')).toEqual(numbers)
      })

      test('returns 502 for a domain that the endpoint does not serve', async () => {
        const { status, json } = await warmer.warm({ ...alice, jid: 'alice@unknown.example' })
        // ejabberd has no error of its own for this.
        const told =
          kind.name === 'Prosody'
            ? { code: 'host-unknown' }
            : { code: 'remote-connection-failed', condition: 'internal-server-error' }
        expect({ status, ...json }).toMatchObject({ status: 502, ...told })
      })
    })

    describe('over a network that breaks', () => {
      let warmer: TestService

      beforeAll(async () => {
        warmer = await startTestService({ servers: `localhost=${wire.url}/http-bind` })
      })

      afterAll(() => warmer?.stop())

      const attachAll = () =>
        Promise.all(
          Array.from({ length: pages }, async () => {
            const binding = await warmer.bind(alice)
            return User.attach(binding.url, binding)
          }),
        )

      test('all sessions survive, and each message arrives once', async () => {
        const users = await attachAll()
        await Promise.all(users.map(user => user.isUpToDate()))
        let said = 0
        const talk = async (beats: number) => {
          for (let time = 0; time < beats; time++) {
            said += 1
            for (const [index, user] of users.entries()) {
              user.say(bob.jid, `from ${index}: ${said};`)
              bob.say(user.jid, `to ${index}: ${said};`)
            }
            await pause(beat)
          }
        }
        for (let time = 0; time < cuts; time++) {
          await talk(2 + (time % 4))
          // After every second cut, new connections fail for a moment. Prosody sees the break:
          // it would answer a request whose connection seems alive, and nobody would get the reply.
          if (time % 2 === 0) wire.cut()
          else if (kind.name === 'Prosody') wire.hangUp()
          else wire.lose()
          await talk(8)
          wire.restore()
          // Servers lose stanzas if a connection breaks again before the repeated requests have arrived.
          await Promise.all(users.map(user => user.isUpToDate(1000 * patience)))
        }
        await talk(2)

        const numbers = Array.from({ length: said }, (_, number) => number + 1)
        const heard = () =>
          users.map((user, index) => [
            numbersOf(user.received, `to ${index}: `),
            numbersOf(bob.received, `from ${index}: `),
          ])
        const isThere = () => heard().every(both => both.every(({ length }) => length >= said))
        await eventually('all messages arrive', isThere, { seconds: patience }).catch(() => {})
        expect(heard()).toEqual(users.map(() => [numbers, numbers]))
        for (const user of users) expect(user.received).not.toMatch(/type='terminate'|<failed>/)
        await Promise.all(users.map(user => user.leave()))
      })
    })

    test('ends its sessions with remote-stream-error if the endpoint is gone', async () => {
      const warmer = await startTestService({
        servers: `localhost=http://127.0.0.1:${server.httpPort}/http-bind`,
      })
      const page = attach(await warmer.bind(alice))
      await page.isUpToDate()
      await server.kill()
      // Requests to the endpoint are repeated for 30 s.
      const told = await page.receives("type='terminate'")
      expect(told).toContain("condition='remote-stream-error'")
      await page.leave()
      const { status, json } = await warmer.warm(alice)
      expect({ status, code: json['code'], step: json['step'] }).toEqual({
        ...{ status: 502, code: 'remote-connection-failed', step: 'connect' },
      })
      await eventually('nothing is left open', warmer.isIdle)
      await warmer.stop()
    })
  })
}

/** The sids that the endpoint created, and those that either side terminated. */
const createdOf = (wire: Relay) => sidsOf(wire, /<body (?=[^>]*\bauthid=)[^>]*\bsid=['"]([^'"]+)/g)
const endedOf = (wire: Relay) => sidsOf(wire, /<body (?=[^>]*\btype='terminate')[^>]*\bsid=['"]([^'"]+)/g)

function sidsOf(wire: Relay, pattern: RegExp): ReadonlySet<string> {
  return new Set([...wire.heard().toString().matchAll(pattern)].map(([, sid = '']) => sid))
}

/** The numbers received with these words, sorted, as these clients do not keep the order. */
const numbersOf = (received: string, words = '') =>
  Array.from(received.matchAll(new RegExp(`>${words}(\\d+);<`, 'g')), ([, number]) => Number(number)).sort(
    (one, other) => one - other,
  )
