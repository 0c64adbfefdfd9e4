// A portal's backend that calls the service with `warm-bindings/client`.
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/command/demo/server.js'
import { portal } from '../support/backends/backend.js'
import { javaScript } from '../support/backends/javascript.js'
import { visit } from '../support/backends/visit.js'
import { startTestService, type TestService } from '../support/start-service.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }

let demo: DemoServer
let service: TestService

beforeAll(async () => {
  demo = await startDemoServer({ alice: alice.password })
})

beforeEach(async () => {
  service = await startTestService({
    servers: `localhost=xmpp://127.0.0.1:${demo.port}?tls=none`,
    environment: { ADMIN_USERS: `${portal.user}:${portal.secret}` },
  })
})

afterEach(async () => {
  await service.stop()
})

afterAll(async () => {
  await demo.stop()
})

describe('a backend', () => {
  test('warms, resumes, shows and ends sessions of its user', async () => {
    await visit(javaScript, service, alice)
  })
})
