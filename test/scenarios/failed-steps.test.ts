// The step at which a stream to a server failed, as the log and the metrics report it.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { boshLogin } from '../support/bosh-login.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer, type Turn } from '../support/login-server/server.js'
import { scrape } from '../support/scrape.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }

let server: LoginServer
let service: TestService

beforeEach(async () => {
  server = await startLoginServer({ domain: 'plain.example', accounts: { alice: alice.password } })
  service = await startTestService({
    servers: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none&plain=on`,
    environment: { XMPP_DOMAINS: 'plain.example', METRICS_ADDRESS: '127.0.0.1:0' },
  })
})

afterEach(async () => {
  await service.stop()
  await server.stop()
})

const endedAt = () =>
  service.lines
    .map(line => JSON.parse(line))
    .filter(({ msg }) => msg === 'a link ended')
    .map(({ step }) => step)

test('the broken link of a warmed session is counted at the step stream', async () => {
  await service.bind(alice)
  server.last.reset()
  await eventually('the link ends', () => endedAt().length > 0)
  expect(endedAt()).toEqual(['stream'])
})

test.each([
  ['features', 'features'],
  ['challenge', 'sasl'],
  ['success', 'sasl'],
  ['bind', 'bind'],
] as const)('a login that breaks at %s is counted at %s, for calls and for clients', async (stage, step) => {
  server.script = { [stage]: ({ reset }: Turn) => reset() }
  expect((await service.warm(alice)).json).toMatchObject({ code: 'remote-connection-failed', step })
  const client = new BoshClient(`${service.url}/http-bind`)
  await expect(
    boshLogin(client, { user: 'alice', domain: 'plain.example', password: alice.password }),
  ).rejects.toThrow()
  await eventually('both links end', () => endedAt().length === 2)
  expect(endedAt()).toEqual([step, step])
  const { samples } = await scrape(service.service.metricsUrl)
  const counted = `warm_bindings_c2s_failures_total{step="${step}",code="remote-connection-failed"}`
  expect(samples.get(counted)).toBe(2)
  client.close()
})

test('the server that refused or did not answer is named, for calls and for clients', async () => {
  await service.warm({ ...alice, password: 'wrong' })
  server.script = { features: ({ reset }: Turn) => reset() }
  await service.warm(alice)
  server.script = {}
  const client = new BoshClient(`${service.url}/http-bind`)
  await expect(boshLogin(client, { user: 'alice', domain: 'plain.example', password: 'wrong' })).rejects.toThrow()
  client.close()
  const name = `127.0.0.1:${server.port}`
  const read = async () => (await callSessions(service.url, 'GET', '/failures')).json.failures
  await eventually('the failed login of the client', () => service.lines.some(line => line.includes('client login')))
  await server.stop()
  const { json } = await service.warm(alice)
  expect(json).not.toHaveProperty('server')
  expect(await read()).toMatchObject([
    { code: 'remote-connection-failed', step: 'connect', servers: [name] },
    { code: 'not-authorized', step: 'sasl', actions: ['client login', 'warm'], servers: [name] },
    { code: 'remote-connection-failed', step: 'features', servers: [name] },
  ])
})
