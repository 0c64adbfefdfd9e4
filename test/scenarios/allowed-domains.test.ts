// Only domains of XMPP_DOMAINS are contacted, whichever parameter of a call names another.
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { ScriptedEndpoint } from '../support/scripted-endpoint.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'

const password = 'Pa55-of-alice'

let near: LoginServer
let other: LoginServer
let far: ScriptedEndpoint
let service: TestService

beforeAll(async () => {
  const accounts = { alice: password, robot: 'Pa55-of-the-robot' }
  near = await startLoginServer({ domain: 'near.example', accounts, actors: ['robot'] })
  other = await startLoginServer({ domain: 'other.example', accounts, actors: ['robot'] })
  far = await ScriptedEndpoint.start()
  service = await startTestService({
    servers: [
      `near.example=xmpp://127.0.0.1:${near.port}?tls=none&plain=on`,
      `other.example=xmpp://127.0.0.1:${other.port}?tls=none&plain=on`,
      `far.example=${far.url}`,
      `*=xmpp://127.0.0.1:${other.port}?tls=none`,
    ].join(),
    environment: {
      XMPP_DOMAINS: 'near.example',
    },
  })
})

afterAll(async () => {
  await callSessions(service.url, 'DELETE', '/sessions?jid=alice@near.example')
  // The servers first, in case a login is still running.
  for (const server of [near, other, far]) await server.stop()
  await service.stop()
})

let before: number

beforeEach(() => {
  before = near.connections.length
})

/** Connections to the allowed server, and to all others. */
const contacted = () => [near.connections.length - before, other.connections.length + far.connections]

test.each([
  ['a password', { jid: 'alice@other.example', password }],
  ['a remote endpoint', { jid: 'alice@far.example', password }],
  ['a subdomain', { jid: 'alice@sub.near.example', password }],
])('a warm call gets 403 and opens no connection for another domain: %s', async (_what, parameters) => {
  const { status, json } = await service.warm(parameters)
  expect([status, json['code'], contacted()]).toEqual([403, 'domain-not-allowed', [0, 0]])
})

test.each(['alice@other.example', 'alice@far.example'])(
  'a warm call with authzid %s is rejected, and its server is not contacted',
  async authzid => {
    const { status } = await service.warm({ jid: 'robot@near.example', password: 'Pa55-of-the-robot', authzid })
    expect([status, contacted()[1]]).toEqual([expect.any(Number), 0])
    expect(status).toBeGreaterThanOrEqual(400)
  },
)

test.each(['other.example', 'far.example', '127.0.0.1'])(
  'a BOSH session to %s ends with host-unknown, and no server is contacted',
  async to => {
    const client = new BoshClient(`${service.url}/http-bind`)
    const reply = await client.request('', { to, wait: '5', hold: '1', ver: '1.6' })
    client.close()
    expect(reply).toContain("type='terminate' condition='host-unknown'")
    expect(contacted()).toEqual([0, 0])
  },
)
