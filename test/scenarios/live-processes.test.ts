// Live pages of one process show what happens at another.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { BoshClient } from '../support/bosh-client.js'
import { memoryStore } from '../support/memory-store.js'
import { callSessions } from '../support/sessions-api.js'
import { adminHeader, startTestService, type TestService } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }

let server: DemoServer
let services: TestService[]
let clock: SteppedClock

beforeEach(async () => {
  server = await startDemoServer({ alice: alice.password })
  clock = new SteppedClock()
  const store = memoryStore(clock)
  services = []
  for (let number = 0; number < 2; number++)
    services.push(
      await startTestService({
        servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
        store,
        clock,
      }),
    )
})

afterEach(async () => {
  await Promise.all(services.map(service => service.stop()))
  await server.stop()
})

/** What `live.js` gets at each update. */
async function updated({ url }: TestService, path: string) {
  const headers = { Authorization: adminHeader, Accept: 'application/xhtml+xml', 'X-Live': 'on' }
  const answer = await fetch(`${url}/warm${path}`, { headers })
  return { status: answer.status, text: await answer.text() }
}

const renew = () => clock.advance(5_000)

test('a session of another process appears, changes and disappears in the live list and on its page', async () => {
  const [here, there] = services as [TestService, TestService]
  const list = async () => (await updated(here, '/sessions?search=alice')).text
  const row = (text: string) => text.match(`<tr id="row-${binding.id}".*?</tr>`)?.[0] ?? ''
  expect(await list()).toContain('No session matches.')
  const binding = await there.bind(alice)
  renew()
  const listed = row(await list())
  expect(listed).toContain('data-state="waiting"')
  expect(listed).toContain(`href="/warm/${binding.id}"`)
  expect(listed).toContain(`>${binding.id.split('-')[0]}<`)
  const page = () => updated(here, `/${binding.id}`)
  expect((await page()).text).toContain('data-state="waiting"')
  const client = new BoshClient(`${there.url}/http-bind`, { sid: binding.sid, rid: binding.rid })
  await client.request('', { pause: '60' })
  renew()
  expect(row(await list())).toContain('data-state="paused"')
  expect((await page()).text).toMatch(/data-state="paused".*A page attached/s)
  await callSessions(there.url, 'DELETE', `/${binding.id}`)
  renew()
  expect(await list()).toContain('No session matches.')
  expect((await page()).status).toBe(404)
  client.close()
})
