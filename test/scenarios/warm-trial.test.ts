// `warm-bindings warm JID`: what it prints about a login, and that no session stays open.
// Runs in npm run test:all only: ten seconds.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { Operator } from '../support/operated-service.js'
import { testFolder } from '../support/test-folder.js'

const password = 'Pa55-of-alice'
const alice = 'alice@chat.example'
const certificate = makeCertificate(['DNS:chat.example'], { commonName: 'our own' })
const ca = testFolder().file('ca.pem', certificate.cert)

const operator = Operator.ofEachTest()
let server: LoginServer

beforeAll(async () => {
  server = await startLoginServer({
    ...{ domain: 'chat.example', certificate, accounts: { alice: password, portal: 'Pa55-of-portal' } },
    ...{ actors: ['portal'], mechanisms: ['SCRAM-SHA-1', 'PLAIN'] },
  })
})

afterEach(async () => {
  await eventually('no stream is left', () => server.open === 0)
  expect(server.complaints).toEqual([])
})

afterAll(() => server.stop())

/** Without ADMIN_USERS, which a trial does not need. */
const settings = (options = `?ca=${ca}`, more: Record<string, string> = {}) => ({
  XMPP_DOMAINS: 'chat.example',
  XMPP_SERVERS: `chat.example=xmpp://127.0.0.1:${server.port}${options}`,
  ...more,
})

/** Output and exit code of the command with this input. */
async function tryWarm(environment: Record<string, string>, typed = `${password}\n`, jid = alice) {
  const trial = operator.startWithInput(typed, environment, 'warm', jid)
  const exit = await trial.exit
  const { stdout, stderr } = trial
  expect(stdout + stderr).not.toContain('Pa55')
  expect(stderr).not.toMatch(/^\s+at /m)
  return { exit, stdout, stderr }
}

describe('a login that succeeds', () => {
  test('prints the session that POST /warm would return, and is ended; it does not need the admin of pages', async () => {
    const pages = {
      ADMIN_USERS: 'portal:a-long-random-secret',
      PAGE_ORIGINS: 'https://portal.example',
      PAGE_ADMIN: 'portal',
      PAGE_GUESTS: 'chat.example',
    }
    const { exit, stdout, stderr } = await tryWarm(settings(undefined, pages))
    expect([exit, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^alice@chat\.example can be logged in: POST \/warm would answer with this session/)
    expect(stdout).toMatch(/^ {2}jid +alice@chat\.example\/.+$/m)
    expect(stdout).toMatch(/^ {2}url +\/http-bind \(/m)
    expect(stdout).toContain(`Server: 127.0.0.1:${server.port}, from XMPP_SERVERS.`)
    expect(stdout).toMatch(/Login: SCRAM-SHA-1 over an encrypted link, in \d+ ms\./)
    expect(stdout).toContain('This was a trial: the session has ended, and nothing stays logged in.')
    expect(stdout).not.toMatch(/[0-9a-f]{40}|\b[\w-]{43}\b/)
    expect(stdout).toMatch(/^Stream management: no\. .*smacks/m)
    expect(server.last).toMatchObject({ goodbye: 'footer', attempts: 1, stanzas: [] })
  })

  test('uses a service account after an empty input', async () => {
    const environment = settings(undefined, { XMPP_SERVICE_ACCOUNTS: 'chat.example=portal:Pa55-of-portal' })
    const { exit, stdout } = await tryWarm(environment, '')
    expect(exit).toBe(0)
    expect(stdout).toContain('Login: PLAIN over an encrypted link')
  })
})

test.each([
  ['a wrong password', alice, 1, /403 not-authorized\.(?:.|\n)*checking the credentials with SCRAM-SHA-1\./],
  [
    'another domain',
    'alice@other.example',
    0,
    /403 domain-not-allowed(?:.|\n)*What to do: Add the domain to XMPP_DOMAINS\./,
  ],
  ['an invalid JID', 'alice', 0, /400 invalid-jid/],
  ['no JID', '', 0, /400 missing-parameter/],
])(
  'a login that fails for %s prints the problem, with connections only if needed',
  async (_what, jid, needed, told) => {
    const before = server.connections.length
    const { exit, stdout, stderr } = await tryWarm(settings(), 'Pa55-of-another\n', jid)
    expect([exit, stdout, stderr]).toEqual([1, '', expect.stringMatching(told)])
    expect(server.connections.length - before).toBe(needed)
  },
)
