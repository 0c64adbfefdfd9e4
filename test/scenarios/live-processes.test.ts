// Live pages of one process show what happens at another.
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { memoryStore } from '../support/memory-store.js'
import { callSessions } from '../support/sessions-api.js'
import { adminHeader, startTestService, type TestService } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }

let server: DemoServer
let services: TestService[]
let clock: SteppedClock
const open: IncomingMessage[] = []

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
  for (const answer of open.splice(0)) answer.destroy()
  await Promise.all(services.map(service => service.stop()))
  await server.stop()
})

/** The events of a live page, each with what `live.js` puts in place. */
async function subscribe({ url }: TestService, path: string) {
  const headers = { Authorization: adminHeader, Accept: 'text/event-stream' }
  const [answer] = (await once(get(`${url}/warm${path}`, { headers, agent: false }), 'response')) as [IncomingMessage]
  open.push(answer)
  let text = ''
  answer.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  const last = () =>
    text
      .split('\n\n')
      .filter(event => event.includes('data: '))
      .at(-1) ?? ''
  return {
    last,
    shows: (what: string, holds: (event: string) => boolean) => eventually(what, () => holds(last())),
  }
}

const renew = () => clock.advance(5_000)

test('a session of another process appears, changes and disappears in the live list and on its page', async () => {
  const [here, there] = services as [TestService, TestService]
  const list = await subscribe(here, '/sessions?search=alice')
  await list.shows('the empty list', event => event.includes('No session matches.'))
  const binding = await there.bind(alice)
  renew()
  const row = (event: string) => event.match(`<tr id="row-${binding.id}".*?</tr>`)?.[0] ?? ''
  await list.shows('the row', event => row(event).includes('data-state="waiting"'))
  expect(row(list.last())).toContain(`href="/warm/${binding.id}"`)
  expect(row(list.last())).toContain(`>${binding.id.split('-')[0]}<`)
  const page = await subscribe(here, `/${binding.id}`)
  await page.shows('the page', event => event.includes('data-state="waiting"'))
  const client = new BoshClient(`${there.url}/http-bind`, { sid: binding.sid, rid: binding.rid })
  await client.request('', { pause: '60' })
  renew()
  await list.shows('the change in the row', event => row(event).includes('data-state="paused"'))
  await page.shows('the change on the page', event => /data-state="paused".*A page attached/s.test(event))
  await callSessions(there.url, 'DELETE', `/${binding.id}`)
  renew()
  await list.shows('the row to be gone', event => event.includes('No session matches.'))
  await page.shows('the end', event => /data-state="ended".*The session has ended.*>Ended</s.test(event))
  client.close()
})
