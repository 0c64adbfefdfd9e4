// A service that is restarted under its sessions: they go on, nothing is lost, nothing comes twice.
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { EventReceiver, eventsSecret } from '../support/event-receiver.js'
import { eventually, patience } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { combinations, fewOrAll, runsRest } from '../support/matrix.js'
import { type OperatedService, Operator } from '../support/operated-service.js'
import { freePorts } from '../support/ports.js'
import { adminHeader, type WarmBinding } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { encryptedServers, type ServerKind, type XmppServer } from './servers.js'
import { User } from './user.js'
import { XmppJsClient } from './xmpp-js-client.js'

// Each wait in a test has a shorter deadline of its own, which names what did not come.
jest.setTimeout(60_000)

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }

const isUsual = ({ maker }: ServerKind) => maker === 'Prosody'

for (const kind of fewOrAll(encryptedServers, isUsual)) {
  describeWith(kind.packages, `At ${kind.name}, a session`, () => {
    const operator = new Operator()
    let server: XmppServer
    let port: number
    let running: OperatedService
    let bob: User
    let page: User

    const start = async (environment: Readonly<Record<string, string>> = {}) => {
      running = operator.start({
        HOST: '127.0.0.1',
        PORT: String(port),
        ADMIN_USERS: 'admin:admin-secret',
        XMPP_DOMAINS: 'localhost',
        XMPP_SERVERS: kind.servers(server),
        METRICS_ADDRESS: 'none',
        STATE_DIR: operator.pathOf('state'),
        SEAL_KEY_FILE: operator.pathOf('keys'),
        ...environment,
      })
      await running.url()
    }

    const stop = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') => {
      running.signal(signal)
      await running.exit
    }

    const restart = async (environment?: Readonly<Record<string, string>>) => {
      await stop()
      await start(environment)
    }

    const bind = async (): Promise<WarmBinding> => {
      const headers = { authorization: adminHeader, accept: 'application/json', 'content-type': 'application/json' }
      const answer = await ask(`http://127.0.0.1:${port}/warm`, { method: 'POST', headers }, JSON.stringify(alice))
      return JSON.parse(answer.text) as WarmBinding
    }

    beforeAll(async () => {
      server = await kind.start(passwords)
      port = (await freePorts(1))[0]!
      operator.write('keys', `${randomBytes(32).toString('base64')}\n`)
    }, 100_000)

    beforeEach(async () => {
      await start()
      const account = { user: 'bob', domain: 'localhost', password: passwords.bob }
      bob = await User.logIn(`http://127.0.0.1:${server.httpPort}/http-bind`, account)
      page = User.persist(`http://127.0.0.1:${port}/http-bind`, await bind())
      // Bob learns it if she goes.
      page.send(`<presence xmlns='jabber:client' to='${bob.jid}'/>`)
      await bob.seesPresence(page.jid, undefined)
    })

    afterEach(async () => {
      await page?.leave()
      await bob?.leave()
      await stop()
    })

    afterAll(async () => {
      operator.leave()
      await server?.stop()
    })

    const replacements = () => running.lines.filter(({ msg }) => msg === 'the workers have been replaced').length

    const sayBoth = (number: number) => {
      page.say(bob.jid, `number ${number}`)
      bob.say(page.jid, `number ${number}`)
    }

    const expectAll = async (count: number) => {
      await bob.receives(`>number ${count}<`)
      await page.receives(`>number ${count}<`)
      await Promise.all([page.isUpToDate(), bob.isUpToDate()])
      const all = Array.from({ length: count }, (_, index) => index + 1)
      expect({ page: page.numbers, bob: bob.numbers }).toEqual({ page: all, bob: all })
      expect(bob.hasSeen(page.jid, 'unavailable')).toBe(false)
    }

    if (combinations([kind], isUsual).length > 0) {
      test('outlives five restarts under its messages', async () => {
        for (let number = 1; number <= 25; number++) {
          sayBoth(number)
          if (number % 5 === 0) await restart()
        }
        await expectAll(25)
      })
    }

    if (runsRest) {
      test('of a client that logged in itself over WebSocket outlives a restart at its server', async () => {
        const client = await XmppJsClient.logIn(`ws://127.0.0.1:${port}/xmpp-websocket`, 'alice', passwords.alice)
        // An attempt in the gap would make it forget its stream.
        client.waitsBeforeReturn(6_000)
        await client.say(bob.jid, 'number 1')
        await bob.receives('>number 1<')
        await restart()
        await client.events.has('resumed', patience)
        await client.say(bob.jid, 'number 2')
        await bob.receives('>number 2<')
        expect(client.events.all).not.toContainEqual(expect.stringMatching(/^lost/))
        await client.leave()
      })

      test('that the next start does not serve is told to its portal as ended', async () => {
        const receiver = await EventReceiver.start()
        try {
          const { id } = await bind()
          await restart({ XMPP_DOMAINS: 'other.example', EVENTS_URL: receiver.url, EVENTS_SECRET: eventsSecret })
          await eventually('the end', () => receiver.of(id).length > 0)
          expect(receiver.of(id)).toEqual(['session.ended: shutdown'])
        } finally {
          await receiver.stop()
        }
      })

      test('outlives changes of the number of workers', async () => {
        let number = 0
        for (const workers of ['2', '1', '3', '0', '2']) {
          await restart({ WORKERS: workers })
          sayBoth(++number)
          sayBoth(++number)
          await page.isUpToDate()
        }
        await expectAll(number)
      })

      test('outlives five replacements of the workers under its messages', async () => {
        await restart({ WORKERS: '2' })
        for (let number = 1; number <= 25; number++) {
          sayBoth(number)
          if (number % 5 !== 0) continue
          const before = replacements()
          running.signal('SIGUSR2')
          await eventually('the workers are replaced', () => replacements() > before)
        }
        await expectAll(25)
      })
    }
  })
}
