// Errors that the code does not expect, in a process as operators run it: they are logged, and the service
// continues.
// Runs in npm run test:all only: ten seconds.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { Operator, settingsAt } from '../support/operated-service.js'
import { freePorts } from '../support/ports.js'
import { callSessions } from '../support/sessions-api.js'
import { unlimited } from '../support/unlimited.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }

let server: LoginServer
const operator = Operator.ofEachTest()

beforeEach(async () => {
  server = await startLoginServer({ domain: 'plain.example' })
})

afterEach(() => server.stop())

const settings = () => ({
  ...unlimited,
  ...settingsAt(server),
  // The last connection of the server must belong to the session.
  XMPP_SPARE_LINKS: '0',
})

/** Warms a session, attaches and exchanges a stanza each way. */
async function live(url: string): Promise<void> {
  const { status, json } = await callSessions(url, 'POST', '', { body: alice })
  expect(status).toBe(200)
  const connection = server.last
  const page = new BoshClient(`${url}/http-bind`, json)
  const held = page.request("<presence xmlns='jabber:client'/>")
  await eventually('the presence arrives', () => connection.stanzas.length === 1)
  connection.say('<message><body>hello</body></message>')
  expect(await held).toContain('hello')
  await page.terminate()
  page.close()
  await eventually('the stream is closed', () => connection.goodbye === 'footer')
}

test.each([
  ['an uncaught error', "throw new TypeError('Pa55-of-alice')", 'TypeError'],
  ['an unhandled rejection', "Promise.reject(new RangeError('Pa55-of-alice'))", 'RangeError'],
])('%s does not end the process', async (_what, fault, name) => {
  operator.write('faults.mjs', `process.on('SIGUSR2', () => setInterval(() => { ${fault} }, 100).unref())`)
  const service = operator.start({ ...settings(), NODE_OPTIONS: '--import=./faults.mjs' })
  const url = await service.url()
  const faults = () => service.lines.filter(({ msg }) => msg.includes('an unexpected error occurred'))
  await live(url)
  service.signal('SIGUSR2')
  await eventually('two errors are logged', () => faults().length > 1)
  await live(url)
  expect(faults()[0]).toMatchObject({
    level: 50,
    error: name,
    incident: expect.stringMatching(/^[0-9a-f-]{36}$/),
  })
  service.signal('SIGTERM')
  expect(await service.exit).toBe(0)
  expect(service.stderr).toBe('')
  expect(service.stdout).not.toContain('Pa55')
})

test('a log that cannot be written does not end the process', async () => {
  const [port = 0] = await freePorts(1)
  const service = operator.startUnheard({ ...settings(), PORT: String(port), LOG_LEVEL: 'trace' })
  const url = `http://127.0.0.1:${port}`
  const isThere = () => ask(`${url}/healthz`).then(Boolean, () => false)
  await eventually('it listens', isThere)
  for (let time = 0; time < 3; time++) await live(url)
  service.signal('SIGTERM')
  expect(await service.exit).toBe(0)
  expect(service.stderr).toBe('')
})
