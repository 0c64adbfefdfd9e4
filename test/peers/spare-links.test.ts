// Spare links to Debian's Prosody and ejabberd.
// Runs in npm run test:all only: `test/servers/c2s/spare-links.test.ts` has the same with scripted servers.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { majorOf } from '../support/server-process.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { encryptedServers, type ServerKind, type XmppServer } from './servers.js'
import { type Talk, tapWire, type Wiretap } from './wire.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }
/** The stream before STARTTLS, STARTTLS itself, and the two flights of TLS. */
const turnsToEncrypt = 4

/** Two for SCRAM, one more for the second stream with bind, which SASL2 saves. */
const turnsToLogIn = (maker: ServerKind['maker']) => (maker === 'ejabberd' && majorOf(maker) >= 24 ? 2 : 3)

for (const kind of encryptedServers) {
  describeWith(kind.packages, `Spare links to ${kind.name}`, () => {
    let server: XmppServer
    let wire: Wiretap
    let here: TestService

    const start = (spares: string) =>
      startTestService({
        servers: kind.servers(server, wire.port),
        environment: { XMPP_SPARE_LINKS: spares },
      })

    beforeAll(async () => {
      server = await kind.start({ alice: alice.password })
    }, 100_000)
    beforeEach(async () => {
      wire = await tapWire(server.c2sPort)
    })
    afterEach(async () => {
      await here.stop()
      await eventually('all connections are closed', () => wire.talks.every(({ isOpen }) => !isOpen))
      await wire.close()
    })
    afterAll(async () => {
      await server?.stop()
    })

    /** Encrypted, and the TLS session tickets have arrived. */
    const isReady = ({ turns, last }: Talk) => turns === turnsToEncrypt && last === 'server'

    /** Resolves when the newest connection is ready for a login. */
    async function spare(): Promise<Talk> {
      await eventually('a spare link is ready', () => isReady(wire.talks.at(-1)!))
      // Until the service has read its data.
      await fetch(`${here.url}/healthz`)
      return wire.talks.at(-1)!
    }

    test('save a login the round trips of stream and encryption', async () => {
      here = await start('0')
      for (let login = 1; login <= 4; login++) await here.bind(alice)
      const without = wire.talks.at(-1)!.turns
      await here.stop()

      const earlier = wire.connections
      here = await start('1')
      for (let login = 1; login <= 3; login++) await here.bind(alice)
      for (let login = 4; login <= 6; login++) {
        const taken = await spare()
        await here.bind(alice)
        expect(taken.turns - turnsToEncrypt).toBe(turnsToLogIn(kind.maker))
      }
      // Two flights of TLS may look like one.
      expect(without).toBeGreaterThanOrEqual(turnsToEncrypt - 1 + turnsToLogIn(kind.maker))
      await spare()
      expect(wire.connections - earlier).toBe(7)
    })

    test('are closed when the server restarts, and logins still succeed', async () => {
      here = await start('2')
      for (let login = 1; login <= 4; login++) await here.bind(alice)
      const last = await spare()
      await server.restart()
      await eventually('the spare link is closed', () => !last.isOpen)
      for (let login = 1; login <= 4; login++) await here.bind(alice)
    })
  })
}
