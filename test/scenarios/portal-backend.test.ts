// A portal's backend that calls the service with `warm-bindings/client`.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { WarmBindings } from '../../src/packages/client/warm-bindings.js'
import { portal } from '../support/backends/backend.js'
import { javaScript } from '../support/backends/javascript.js'
import { visit } from '../support/backends/visit.js'
import { type Relay, startRelay } from '../support/relay.js'
import { startTestService, type TestService } from '../support/start-service.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }

let demo: DemoServer
let service: TestService
let relay: Relay

beforeAll(async () => {
  demo = await startDemoServer({ alice: alice.password })
})

beforeEach(async () => {
  service = await startTestService({
    servers: `localhost=xmpp://127.0.0.1:${demo.port}?tls=none`,
    environment: {
      ADMIN_USERS: `${portal.user}:${portal.secret}`,
      RATE_WARMS_PER_JID: '3',
      MAX_SESSIONS_PER_JID: '4',
    },
  })
  relay = await startRelay(service.url)
})

afterEach(async () => {
  await relay.stop()
  await service.stop()
})

afterAll(async () => {
  await demo.stop()
})

const client = (url = service.url, limits = {}) => new WarmBindings({ url: `${url}/warm`, ...portal, ...limits })

/** The codes that `POST /warm` was logged with. */
const warms = () =>
  service.lines
    .map(line => JSON.parse(line))
    .filter(({ msg }) => msg === 'warm')
    .map(({ code }) => code)

describe('a backend', () => {
  test('warms, resumes, shows and ends sessions of its user', async () => {
    await visit(javaScript, service, alice)
  })

  test('gets its session although the first response was lost', async () => {
    const lost = relay.loseNextAnswer()
    const { id, jid } = await client(relay.url).warm(alice)
    await lost
    expect(warms()).toEqual(['ok', 'ok'])
    expect(await client().session(id)).toMatchObject({ jid, state: 'waiting' })
  })
})
