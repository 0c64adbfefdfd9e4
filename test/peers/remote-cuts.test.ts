// A network cuts all connections to a remote BOSH endpoint repeatedly, while its users chat.
// Runs in npm run test:all only: a minute of broken connections.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { type Relay, startRelay } from '../support/relay.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { alice, passwords, User } from './user.js'

const pages = 10
const cuts = 6
/** Time between two messages of each user, in milliseconds. */
const beat = 50
/** The longest that all messages may take to arrive, in seconds. */
const patience = 60

for (const kind of encryptedServers) {
  describeWith(kind.packages, `Sessions at the BOSH endpoint of ${kind.maker} over a network that breaks`, () => {
    let server: XmppServer
    let relay: Relay
    let warmer: TestService

    beforeAll(async () => {
      server = await kind.start(passwords)
      relay = await startRelay(`http://127.0.0.1:${server.httpPort}`)
      warmer = await startTestService({ servers: `localhost=${relay.url}/http-bind` })
    })

    const attachAll = () =>
      Promise.all(
        Array.from({ length: pages }, async () => {
          const binding = await warmer.bind(alice)
          return User.attach(binding.url, binding)
        }),
      )

    afterAll(async () => {
      await warmer?.stop()
      await relay?.stop()
      await server?.stop()
    })

    test('all survive requests that overtake others by 80 ms, as they do on a busy machine', async () => {
      relay.delayEverySecond(80)
      const users = await attachAll()
      const [listener] = users
      const numbers = Array.from({ length: 40 }, (_, index) => index + 1)
      for (const number of numbers) {
        for (const user of users) user.say(listener!.jid, `${number};`)
        await pause(beat)
      }
      await Promise.all(users.map(user => user.isUpToDate(1000 * patience)))
      await listener!.isUpToDate()
      expect(numbersOf(listener!.received)).toEqual(numbers.flatMap(number => users.map(() => number)))
      await Promise.all(users.map(user => user.leave()))
      relay.delayEverySecond(0)
    })

    test('all survive, and each message arrives once', async () => {
      const bob = await User.logInAt(server, 'bob', passwords.bob)
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
        if (time % 2 === 0) relay.cut()
        else if (kind.maker === 'Prosody') relay.hangUp()
        else relay.lose()
        await talk(8)
        relay.restore()
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
      await Promise.all([bob, ...users].map(user => user.leave()))
    })
  })
}

/** The numbers received with these words, sorted, as these clients do not keep the order. */
const numbersOf = (received: string, words = '') =>
  Array.from(received.matchAll(new RegExp(`>${words}(\\d+);<`, 'g')), ([, number]) => Number(number)).sort(
    (one, other) => one - other,
  )
