// The clients of examples/clients, run in their languages, with scripted servers and with the service.
import { afterAll, beforeAll, test } from '@jest/globals'
import { portal } from '../support/backends/backend.js'
import { testConduct } from '../support/backends/conduct.js'
import { javaScript } from '../support/backends/javascript.js'
import { go, php, python, ruby } from '../support/backends/programs.js'
import { visit } from '../support/backends/visit.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }

for (const backend of [javaScript, php, python, ruby, go]) {
  describeWith(backend.packages, `The client in ${backend.language}`, () => {
    let service: TestService

    beforeAll(async () => {
      service = await startTestService({
        demo: [{ alice: alice.password }],
        environment: { ADMIN_USERS: `${portal.user}:${portal.secret}` },
      })
    })

    afterAll(() => service?.stop())

    beforeAll(() => backend.program?.compile())

    afterAll(() => backend.program?.remove())

    // The client in JavaScript does not need another program: test/packages/client/.
    if (backend !== javaScript) testConduct(backend)

    test('warms, resumes, reads and ends sessions of its user', async () => {
      await visit(backend, service, alice)
    })
  })
}
