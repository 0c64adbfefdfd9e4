// A portal's backend that calls the service with `warm-bindings/client`.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { WarmBindings } from '../../src/packages/client/warm-bindings.js'
import { portal } from '../support/backends/backend.js'
import { javaScript } from '../support/backends/javascript.js'
import { visit } from '../support/backends/visit.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { type Relay, startRelay } from '../support/relay.js'
import { startTestService, type TestService } from '../support/start-service.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }
const bob = { jid: 'bob@slow.example', password: 'builder' }

let demo: DemoServer
/** Sends nothing after its stream header. */
let slow: LoginServer
let service: TestService
let relay: Relay

beforeAll(async () => {
  demo = await startDemoServer({ alice: alice.password })
  slow = await startLoginServer({ domain: 'slow.example' })
  slow.script = { features: () => {} }
})

beforeEach(async () => {
  service = await startTestService({
    servers: `localhost=xmpp://127.0.0.1:${demo.port}?tls=none,slow.example=xmpp://127.0.0.1:${slow.port}?tls=none`,
    environment: {
      ADMIN_USERS: `${portal.user}:${portal.secret}`,
      XMPP_DOMAINS: 'localhost,slow.example',
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
  await slow.stop()
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

  test('ends a login by aborting its call', async () => {
    let isBegun = false
    slow.script = {
      features: () => {
        isBegun = true
      },
    }
    const user = new AbortController()
    const call = client().warm(bob, { signal: user.signal })
    const outcome = expect(call).rejects.toBe('signed out')
    await eventually('the login', () => isBegun)
    user.abort('signed out')
    await outcome
    await eventually('the login has ended', () => slow.open === 0 && warms().length > 0)
    expect(warms()).toEqual(['client-gone'])
  })

  test('gets a code for a wrong secret, a domain that is not allowed, and a wrong URL', async () => {
    const stranger = new WarmBindings({ url: `${service.url}/warm`, user: portal.user, secret: 'wr0ng' })
    await expect(stranger.warm(alice)).rejects.toMatchObject({ code: 'unauthorized', status: 401 })
    const elsewhere = client().warm({ jid: 'alice@other.example', password: 'wonderland' })
    await expect(elsewhere).rejects.toMatchObject({ code: 'domain-not-allowed' })
    await expect(client(`${service.url}/nowhere`).warm(alice)).rejects.toMatchObject({ code: 'not-found' })
  })
})
