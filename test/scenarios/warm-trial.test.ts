// `warm-bindings warm JID`: what it prints about a login, and that no session stays open.
// Runs in npm run test:all only: ten seconds.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer, type Usual } from '../support/login-server/server.js'
import { Operator } from '../support/operated-service.js'
import { testFolder } from '../support/test-folder.js'

const password = 'Pa55-of-alice'
const alice = 'alice@chat.example'
const certificate = makeCertificate(['DNS:chat.example'], { commonName: 'our own' })
const ca = testFolder().file('ca.pem', certificate.cert)

const operator = Operator.ofEachTest()
let server: LoginServer
let usual: Usual

beforeAll(async () => {
  server = await startLoginServer({
    ...{ domain: 'chat.example', certificate, accounts: { alice: password, portal: 'Pa55-of-portal' } },
    ...{ actors: ['portal'], mechanisms: ['SCRAM-SHA-1', 'PLAIN'] },
  })
  usual = server.usual
})

afterEach(async () => {
  await eventually('no stream is left', () => server.open === 0)
  expect(server.complaints).toEqual([])
  server.usual = usual
  server.script = {}
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
  test('prints the session that POST /warm would return, and is ended', async () => {
    const { exit, stdout, stderr } = await tryWarm(settings())
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

  test('prints that the server resumes streams', async () => {
    server.usual = { ...usual, moreFeatures: "<sm xmlns='urn:xmpp:sm:3'/>" }
    const trial = tryWarm(settings())
    const isAsked = () => server.open > 0 && server.last.packets.join('').includes('<enable')
    await eventually('the server is asked', isAsked)
    server.last.say("<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>")

    expect((await trial).stdout).toMatch(/^Stream management: yes\. Broken links are mended\. If you set STATE_DIR/m)
  })

  test.each([
    ['an empty line', '\n'],
    ['an empty input', ''],
  ])('uses the settings of .env, and a service account after %s', async (_, typed) => {
    const environment = settings(undefined, { XMPP_SERVICE_ACCOUNTS: 'chat.example=portal:Pa55-of-portal' })
    const lines = Object.entries(environment).map(([name, value]) => `${name}='${value}'\n`)
    operator.write('.env', lines.join(''))
    const { exit, stdout } = await tryWarm({}, typed)
    expect(exit).toBe(0)
    expect(stdout).toContain('Login: PLAIN over an encrypted link')
  })
})

test('a trial without admins does not warn of ADMIN_USERS', async () => {
  const { exit, stdout, stderr } = await tryWarm(settings(undefined, { WARM_ENABLED: 'off' }))
  expect([exit, stderr]).toEqual([0, ''])
  expect(stdout).toContain('POST /warm is off')
})

test('a trial does not need the admin of pages', async () => {
  const pages = {
    ADMIN_USERS: 'portal:a-long-random-secret',
    PAGE_ORIGINS: 'https://portal.example',
    PAGE_ADMIN: 'portal',
    PAGE_GUESTS: 'chat.example',
  }
  const { exit, stdout, stderr } = await tryWarm(settings(undefined, pages))
  expect([exit, stderr]).toEqual([0, ''])
  expect(stdout).toContain('alice@chat.example can be logged in')
})

describe('a login that fails', () => {
  /** The error output. The exit code is 1, and standard output is empty. */
  async function failure(environment: Record<string, string>, ...rest: [typed?: string, jid?: string]) {
    const { exit, stdout, stderr } = await tryWarm(environment, ...rest)
    expect([exit, stdout]).toEqual([1, ''])
    return stderr
  }

  test('for its password prints the problem and the mechanism', async () => {
    const told = await failure(settings(), 'Pa55-of-another\n')
    expect(told).toContain('would answer 403 not-authorized.')
    expect(told).toContain('Step: sasl, checking the credentials with SCRAM-SHA-1.')
    expect(told).toContain('What to do: ')
  })

  test('at a retired domain names the setting', async () => {
    const retired = settings(undefined, { XMPP_RETIRED_DOMAINS: '*.example' })
    expect(await failure(retired)).toContain('The domain is no longer served: see XMPP_RETIRED_DOMAINS.')
  })

  test.each([
    ['alice@other.example', /403 domain-not-allowed(?:.|\n)*What to do: Add the domain to XMPP_DOMAINS\./],
    ['alice', /400 invalid-jid/],
    ['', /400 missing-parameter/],
  ])('for the JID %j prints the problem without a connection', async (jid, told) => {
    const before = server.connections.length
    expect(await failure(settings(), undefined, jid)).toMatch(told)
    expect(server.connections.length).toBe(before)
  })
})
