// The clients of examples/clients, run in their languages, with scripted servers and with the service.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type BackendCall, type Outcome, portal } from '../support/backends/backend.js'
import { testConduct } from '../support/backends/conduct.js'
import { javaScript } from '../support/backends/javascript.js'
import { go, php, python, ruby } from '../support/backends/programs.js'
import { stoppedAfterAll } from '../support/closers.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { callsIn } from './documented.js'
import { describeWith } from './needs.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }

for (const backend of [javaScript, php, python, ruby, go]) {
  describeWith(backend.packages, `The client in ${backend.language}`, () => {
    const keep = stoppedAfterAll()
    let service: TestService

    beforeAll(async () => {
      const environment = { ADMIN_USERS: `${portal.user}:${portal.secret}` }
      service = await keep(startTestService({ demo: [{ alice: alice.password }], environment }))
      await backend.program?.compile()
    })

    afterAll(() => backend.program?.remove())

    // The client in JavaScript does not need another program: test/packages/client/.
    if (backend !== javaScript) testConduct(backend)

    test('warms, resumes, reads and ends sessions of its user', async () => {
      const run = (...calls: BackendCall[]) => backend.run(`${service.url}/warm`, calls)
      const [{ result: first }, { result: second }] = (await run(['warm', alice], ['warm', alice])) as [
        Outcome,
        Outcome,
      ]
      expect(first).toMatchObject({
        jid: expect.stringMatching(`^${alice.jid}/.`),
        rid: expect.any(Number),
        sid: expect.stringMatching(/./),
        websocket: { token: expect.stringMatching(/./) },
      })
      const { id } = first
      const jid = first.jid as string
      const [resumed, session, listed, other] = (
        await run(
          ['resume', id, { expires_in: 60 }],
          ['session', id],
          ['sessions', { jid: alice.jid }],
          ['sessions', { jid }],
        )
      ).map(({ result }) => result)
      expect(resumed).toMatchObject({ id, jid, sid: first.sid, expires_in: 60 })
      expect(resumed.rid).not.toBe(first.rid)
      expect(session).toMatchObject({ id, jid, state: 'waiting', origin: 'warmed' })
      expect(listed.map((each: { id: string }) => each.id)).toEqual([id, second.id])
      expect(other.map((each: { id: string }) => each.id)).toEqual([id])

      const gone = await run(['end', id], ['end', id], ['resume', id], ['session', id])
      expect(gone).toEqual([{ result: null }, { result: null }, { result: null }, { result: null }])
      expect(await run(['endAll', { jid: alice.jid }])).toEqual([{ result: { ended: 1 } }])
      expect(await run(['sessions', { jid: alice.jid }])).toEqual([{ result: [] }])

      const [refused] = (await run(['warm', { ...alice, password: 'wr0ng' }])) as [Outcome]
      expect(refused.error).toEqual({
        code: 'not-authorized',
        detail: 'The XMPP server refused the user name, the password or the token.',
        advice: expect.stringMatching(/^Check the spelling/),
        retry: false,
        status: 403,
        instance: expect.stringMatching(/^urn:uuid:/),
        retryAfter: null,
      })
      expect(callsIn(service.lines)).toEqual([
        ...['warm: ok', 'warm: ok', 'resume: ok', 'sessions: ok', 'sessions: ok', 'sessions: ok'],
        ...['logout: ok', 'logout: session-not-found', 'resume: session-not-found', 'sessions: session-not-found'],
        ...['logout: ok', 'sessions: ok', 'warm: not-authorized'],
      ])
    })
  })
}
