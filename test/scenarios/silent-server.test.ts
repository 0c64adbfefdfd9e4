// A server that still receives data and never answers.
// Runs in npm run test:all only: ten seconds of silence.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { MovedClock } from '../support/moved-clock.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { openPage, take } from '../support/taking-page.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const hello = "<message xmlns='jabber:client' to='bob@plain.example'><body>anyone there?</body></message>"
const ping = /<iq xmlns='jabber:client' type='get' id='[\w-]{22}' to='plain\.example'><ping /

let server: LoginServer
let clock: MovedClock
let service: TestService

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example', accounts: { alice: alice.password } })
  clock = new MovedClock()
  service = await startTestService({
    servers: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none`,
    environment: { XMPP_DOMAINS: 'plain.example', XMPP_TIMEOUT: '40' },
    clock,
  })
})

afterAll(async () => {
  await service.stop()
  await server.stop()
})

/** The server receives the message and a ping, and sends nothing more. */
async function fallSilent(): Promise<void> {
  const { last } = server
  await eventually('the message arrives', () => last.packets.join('').includes('anyone there?'))
  expect(last.packets.join('')).not.toMatch(ping)
  clock.advance(11_000)
  await eventually('the ping arrives', () => ping.test(last.packets.join('')))
  clock.advance(41_000)
}

const isLogged = () => service.lines.filter(line => line.includes('does not answer')).length === 1

test('a silent server ends the session of a page over BOSH, which gets remote-stream-error', async () => {
  const { url, sid, rid } = await service.bind(alice)
  const client = new BoshClient(url, { sid, rid })
  server.last.deafen()
  const held = client.request(hello)
  await fallSilent()
  const answered = await held
  const told = answered.includes('terminate') ? answered : await client.request()
  expect(told).toContain("type='terminate' condition='remote-stream-error'")
  expect(isLogged()).toBe(true)
  client.close()
  await eventually('the link is closed', () => service.service.counts().links === 0)
})

test('a silent server ends the session of a page over WebSocket, which gets remote-connection-failed', async () => {
  const { websocket } = (await service.bind(alice)) as WarmBinding & { websocket: { token: string } }
  const wire = await openPage(service.url, '/xmpp-websocket/warm')
  await take(wire, websocket.token)
  server.last.deafen()
  wire.send(hello)
  await fallSilent()
  expect(await wire.message()).toContain('<remote-connection-failed ')
  wire.drop()
  await eventually('the link is closed', () => service.service.counts().links === 0)
})
