// What an operator sees of an XMPP server that goes down and comes back.
// Runs in npm run test:all only: ten seconds.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { boshLogin } from '../support/bosh-login.js'
import { stoppedAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer, type Turn } from '../support/login-server/server.js'
import { startRelay } from '../support/relay.js'
import { scrape } from '../support/scrape.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type TestServiceOptions } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }

let server: LoginServer
let service: TestService
const stopped = stoppedAfterEach()

const place = () => `127.0.0.1:${server.port}`

const start = async (
  more: TestServiceOptions = {},
  servers = `plain.example=xmpp://${place()}?tls=none&plain=on`,
): Promise<void> => {
  const common = { XMPP_DOMAINS: 'plain.example', LOG_LEVEL: 'info', METRICS_ADDRESS: '127.0.0.1:0' }
  service = await stopped(startTestService({ ...more, servers, environment: { ...common, ...more.environment } }))
}

beforeEach(async () => {
  server = await stopped(startLoginServer({ domain: 'plain.example', accounts: { alice: alice.password } }))
})

const lines = () => service.lines.map(line => JSON.parse(line)).filter(({ lost }) => lost !== undefined)

async function up(): Promise<Record<string, number>> {
  const { samples } = await scrape(service.service.metricsUrl)
  const name = 'warm_bindings_xmpp_server_up'
  return Object.fromEntries(
    [...samples].flatMap(([key, value]) => (key.startsWith(name) ? [[key.slice(name.length), value]] : [])),
  )
}

describe('a server in the settings', () => {
  const key = () => `{domain="plain.example",server="${place()}"}`

  test('that takes all sessions with it has one log line with their number, and one when it is back', async () => {
    await start()
    expect(await up()).toEqual({})
    for (let at = 0; at < 4; at++) await service.bind(alice)
    expect(await up()).toEqual({ [key()]: 1 })
    server.script = { connect: turn => turn.reset() }
    for (const connection of server.connections) connection.reset()
    expect(await service.warm(alice)).toMatchObject({ status: 502 })
    await eventually('the line', () => lines().length > 0)
    expect(await up()).toEqual({ [key()]: 0 })
    server.script = {}
    await service.bind(alice)
    expect(await up()).toEqual({ [key()]: 1 })
    expect(lines()).toMatchObject([
      {
        ...{ level: 40, part: 'c2s', msg: 'an XMPP server is down', domain: 'plain.example', server: place(), lost: 4 },
        code: 'remote-connection-failed',
      },
      { level: 30, part: 'c2s', msg: 'an XMPP server is back', domain: 'plain.example', server: place() },
    ])
  })

  test('that is down gets connections without a login, until it answers', async () => {
    const clock = new SteppedClock()
    await start({ clock })
    server.script = { header: turn => turn.reset() }
    await service.warm(alice)
    expect(await up()).toEqual({ [key()]: 0 })
    server.script = {}
    clock.advance(30_000)
    await eventually('the probe is over', () => server.connections.length === 2 && server.open === 0)
    expect(server.last).toMatchObject({ goodbye: 'footer', attempts: 0, complaints: [] })
    expect(await up()).toEqual({ [key()]: 1 })
  })
})

test('a remote BOSH endpoint counts as up with its first session, and as down if the next cannot be opened', async () => {
  const far = await startTestService({
    servers: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none`,
    environment: { XMPP_DOMAINS: 'plain.example' },
  })
  await start({}, `plain.example=${far.url}/http-bind`)
  const labels = `{domain="plain.example",server="${new URL(far.url).host}"}`
  await service.bind(alice)
  expect(await up()).toEqual({ [labels]: 1 })
  await far.stop()
  expect(await service.warm(alice)).toMatchObject({ status: 502 })
  expect(await up()).toEqual({ [labels]: 0 })
})

test('a page gets back what a remote BOSH endpoint never got', async () => {
  const far = await stopped(
    startTestService({
      servers: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none`,
      environment: { XMPP_DOMAINS: 'plain.example', BOSH_INACTIVITY: '5' },
    }),
  )
  const wire = await stopped(startRelay(far.url))
  await start({}, `plain.example=${wire.url}/http-bind`)
  const binding = await service.bind({ ...alice, wait: 1 })
  const page = new BoshClient(`${service.url}/http-bind`, binding)
  const say = (id: string) => page.request(`<message xmlns='jabber:client' to='bob@plain.example' id='${id}'/>`)
  // The endpoint answers the first when it gets the second, which it holds.
  let heard = (await say('first')) + (await say('second'))
  wire.hangUp()
  for (const id of ['one', 'two']) heard += await say(id)
  while (!heard.includes('terminate')) heard += await page.request()
  page.close()
  wire.restore()
  const error = (id: string) =>
    `<message xmlns='jabber:client' type='error' to='${binding.jid}' from='bob@plain.example' id='${id}'>` +
    "<error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
  expect(heard).toContain(error('one') + error('two'))
  expect(heard).not.toMatch(/id='(?:first|second)'/)
  expect(heard).toContain("<body type='terminate' condition='remote-stream-error'")
})

test('the server that refused a login or did not answer is named, for calls and for clients', async () => {
  await start()
  await service.warm({ ...alice, password: 'wrong' })
  server.script = { features: ({ reset }: Turn) => reset() }
  await service.warm(alice)
  server.script = {}
  const client = new BoshClient(`${service.url}/http-bind`)
  await expect(boshLogin(client, { user: 'alice', domain: 'plain.example', password: 'wrong' })).rejects.toThrow()
  client.close()
  await eventually('the failed login of the client', () => service.lines.some(line => line.includes('client login')))
  const name = place()
  await server.stop()
  const { json } = await service.warm(alice)
  expect(json).not.toHaveProperty('server')
  expect((await callSessions(service.url, 'GET', '/failures')).json.failures).toMatchObject([
    { code: 'remote-connection-failed', step: 'connect', servers: [name] },
    { code: 'not-authorized', step: 'sasl', actions: ['client login', 'warm'], servers: [name] },
    { code: 'remote-connection-failed', step: 'features', servers: [name] },
  ])
})
