// BOSH endpoints of Debian's Prosody and ejabberd as remote endpoints. Browsers use this service, or the endpoint.

import { setTimeout as pause } from 'node:timers/promises'
import { beforeAll, expect, test } from '@jest/globals'
import { stoppedAfterAll } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { type Relay, startRelay } from '../support/relay.js'
import { startTestService } from '../support/start-service.js'
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
    let wire: Relay
    let bob: User

    beforeAll(async () => {
      const server = await keep<XmppServer>(kind.start())
      wire = await keep(startRelay(`http://127.0.0.1:${server.httpPort}`))
      bob = await keep(User.logInAt(server, 'bob', passwords.bob))
      const page = await User.logInAt(server, 'alice', passwords.alice)
      await befriend(bob, page)
      await page.leave()
    })

    test.each(['here', 'there'])('with REMOTE_ATTACH=%s warms sessions, and passes messages each way', async where => {
      const servers = `localhost=${wire.url}/http-bind`
      const warmer = await keep(startTestService({ servers, environment: { REMOTE_ATTACH: where } }))
      const binding = await warmer.bind({ ...alice, wait: 20 })
      expect(binding).toMatchObject({
        jid: expect.stringMatching(/^alice@localhost\/.+/),
        rid: expect.any(Number),
        wait: 20,
        url: `${where === 'here' ? warmer.url : wire.url}/http-bind`,
      })
      for (const secret of [binding.sid, alice.password]) expect(warmer.lines.join()).not.toContain(secret)
      const page = await keep(User.attach(binding.url, binding))
      await bob.seesPresence(page.jid, undefined)
      page.say(bob.jid, `how is the tea ${where}? ☕ &lt;hot&gt;`)
      expect(await bob.receives(`how is the tea ${where}? ☕ &lt;hot&gt;`)).toContain(page.jid)
      bob.say(page.jid, 'cold')
      expect(await page.receives('cold')).toMatch(/<message\b[^>]*xmlns=['"]jabber:client['"]/)
      await page.leave()
      await eventually('nothing is left open', warmer.isIdle)
      expect(endedOf(wire)).toEqual(createdOf(wire))
    })

    test('all sessions survive a network that breaks, and each message arrives once', async () => {
      const warmer = await keep(startTestService({ servers: `localhost=${wire.url}/http-bind` }))
      const users = await Promise.all(Array.from({ length: pages }, () => User.warm(warmer, alice)))
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
}

/** The sids that the endpoint created, and those that either side terminated. */
const createdOf = (wire: Relay) => sidsOf(wire, /<body (?=[^>]*\bauthid=)[^>]*\bsid=['"]([^'"]+)/g)
const endedOf = (wire: Relay) => sidsOf(wire, /<body (?=[^>]*\btype='terminate')[^>]*\bsid=['"]([^'"]+)/g)

function sidsOf(wire: Relay, pattern: RegExp): ReadonlySet<string> {
  return new Set([...wire.heard().toString().matchAll(pattern)].map(([, sid = '']) => sid))
}

/** The numbers received with these words, sorted, as these clients do not keep the order. */
const numbersOf = (received: string, words: string) =>
  Array.from(received.matchAll(new RegExp(`>${words}(\\d+);<`, 'g')), ([, number]) => Number(number)).sort(
    (one, other) => one - other,
  )
