// Pipelined logins (XEP-0305) at Debian's Prosody and ejabberd.
// Runs in npm run test:all only: `test/scenarios/pipelining.test.ts` has the same with scripted servers.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { plainEjabberd, servers, type XmppServer } from './servers.js'
import { User } from './user.js'
import { tapWire, type Wiretap } from './wire.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }

const kinds = [...servers, plainEjabberd]

for (const kind of kinds) {
  describeWith(kind.packages, `Logins at ${kind.name}`, () => {
    let server: XmppServer
    let wire: Wiretap
    let here: TestService

    beforeAll(async () => {
      server = await kind.start({ alice: alice.password })
      wire = await tapWire(server.c2sPort)
      here = await startTestService({ servers: kind.servers(server, wire.port) })
    }, 100_000)

    afterAll(async () => {
      await here?.stop()
      await wire?.close()
      await server?.stop()
    })

    /** Stream headers that were sent together with the next step, as far as unencrypted. */
    const inCompany = () =>
      wire
        .heard()
        .toString('latin1')
        .match(/<stream:stream to=[^>]*><(auth|iq) /g)?.length ?? 0

    /** Warms a session, which a page uses. */
    async function warm(): Promise<void> {
      const binding = await here.bind(alice)
      const page = User.attach(binding.url, binding)
      await page.isUpToDate()
      await page.leave()
    }

    /** No pipelined step has failed. */
    function expectNoComplaint(): void {
      expect(here.lines.filter(line => /does not cope|"level":(40|50|60)/.test(line))).toEqual([])
    }

    test('succeed in sequence, pipelined from the second on', async () => {
      const packets: number[] = []
      for (let login = 1; login <= 3; login++) {
        await warm()
        packets.push(inCompany())
      }
      expect(packets).toEqual(kind.encrypted ? [0, 0, 0] : [0, 2, 4])
      expect(wire.connections).toBe(3)
      expectNoComplaint()
    })

    test('succeed in parallel', async () => {
      const before = wire.connections
      await Promise.all(Array.from({ length: 5 }, () => warm()))
      expect(wire.connections).toBe(before + 5)
      expectNoComplaint()
    })

    test('fail with 403 for a wrong password, over one connection', async () => {
      const before = wire.connections
      const { status, json } = await here.warm({ ...alice, password: 'wonderlanD' })
      expect([status, json['code']]).toEqual([403, 'not-authorized'])
      expect(wire.connections).toBe(before + 1)
    })

    if (kind.maker === 'Prosody') {
      test('succeed after a restart, which changes the order of the features', async () => {
        for (let restart = 0; restart < 4; restart++) {
          const before = wire.connections
          await server.restart()
          await warm()
          expect(wire.connections).toBe(before + 1)
        }
        expectNoComplaint()
      })
    }
  })
}
