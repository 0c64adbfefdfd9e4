// A portal's backend that calls the service with `warm-bindings/client`.
import { afterEach, beforeEach, test } from '@jest/globals'
import { portal } from '../support/backends/backend.js'
import { javaScript } from '../support/backends/javascript.js'
import { visit } from '../support/backends/visit.js'
import { startTestService, type TestService } from '../support/start-service.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }

let service: TestService

beforeEach(async () => {
  service = await startTestService({
    demo: [{ alice: alice.password }],
    environment: { ADMIN_USERS: `${portal.user}:${portal.secret}` },
  })
})

afterEach(() => service.stop())

test('a backend warms, resumes, shows and ends sessions of its user', async () => {
  await visit(javaScript, service, alice)
})
