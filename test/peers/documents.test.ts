// The documents' examples, run with a service.

import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { endReasons } from '../../src/lib/counts.js'
import { problems } from '../../src/lib/errors.js'
import { makeCertificate } from '../support/certificates.js'
import { sharedChromium } from '../support/chromium.js'
import { stoppedAfterAll } from '../support/closers.js'
import { EventReceiver, eventsSecret, type ReceivedRequest } from '../support/event-receiver.js'
import { eventually, patience } from '../support/eventually.js'
import { Listener } from '../support/listener.js'
import { startLoginServer } from '../support/login-server/server.js'
import { pageSecret, pageToken, settingsForPages } from '../support/page-token.js'
import { root } from '../support/repository.js'
import { callSessions } from '../support/sessions-api.js'
import { admin, startTestService, type TestService, type TestServiceOptions } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { callsIn, Document, documented } from './documented.js'
import { describeWith } from './needs.js'

const run = promisify(execFile)
const converse = join(root, 'node_modules/converse.js/dist')
const { account, password } = documented
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const embed = read('docs/embed.md')
const jid = documented.jid.replace('example.org', 'localhost')

const { folder, file } = testFolder()
const accounts: TestServiceOptions['demo'] = [{ alice: password }, { portal: 'secret-of-portal' }]
const keep = stoppedAfterAll()
let service: TestService
let portal: Listener
let served: string
/** Lines of the log before the test. */
let seen: number

beforeAll(async () => {
  const server = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html').end(served)
  })
  portal = await keep(Listener.start(server))
  const environment = {
    ADMIN_USERS: `${account.name}:${account.secret},${admin.name}:${admin.secret}`,
    ...settingsForPages(portal.url, file('page-secrets', pageSecret)),
  }
  service = await keep(startTestService({ demo: accounts, environment }))
})

beforeEach(() => {
  seen = service.lines.length
})

const calls = () => callsIn(service.lines.slice(seen))

describeWith(['curl'], 'The curl commands', () => {
  test.each([
    ['README.md', ['warm']],
    ['docs/api.md', ['warm', 'resume', 'sessions', 'logout']],
    ['docs/embed.md', ['warm', 'logout']],
  ])('in %s succeed', async (file, expected) => {
    let ID = ''
    for (const command of new Document(file, service.url).curls()) {
      const line = `${command} --silent --show-error --write-out '\\n%{http_code}'`
      const { stdout } = await run('bash', ['-c', line], { env: { ...process.env, ID } })
      const end = stdout.lastIndexOf('\n')
      expect([command, stdout.slice(end + 1)]).toEqual([command, expect.stringMatching(/^20[04]$/)])
      if (/"sid":/.test(stdout)) ID = JSON.parse(stdout.slice(0, end)).id
    }
    expect([...new Set(calls())]).toEqual(expected.map(call => `${call}: ok`))
  })
})

describe('An event', () => {
  let genuine: ReceivedRequest

  beforeAll(async () => {
    const receiver = await EventReceiver.start()
    const telling = await startTestService({
      demo: accounts,
      environment: { EVENTS_URL: receiver.url, EVENTS_SECRET: eventsSecret },
    })
    const { id } = await telling.bind({ jid, password, visit: '3f0c9a52', tab: 'k2x9' })
    await callSessions(telling.url, 'DELETE', `/${id}`)
    await telling.stop()
    await receiver.stop()
    genuine = receiver.requests[0]!
  })

  /** The received event, signed again for a time so many seconds ago. */
  const signed = (secondsAgo: number, secret = eventsSecret) => {
    const { headers, text } = genuine
    const time = String(Math.floor(Date.now() / 1000) - secondsAgo)
    const hmac = createHmac('sha256', secret).update(`${headers['webhook-id']}.${time}.${text}`)
    return {
      headers: {
        ...headers,
        'webhook-timestamp': time,
        'webhook-signature': `v1,${hmac.digest('base64')}`,
      },
      text,
    }
  }

  /** Runs a program that verifies requests, and prints its result for each. */
  const expectJudged = async (command: string, name: string, program: (cases: string) => readonly string[]) => {
    const { headers, text } = genuine
    const change = (header: string, value: string) => ({ headers: { ...headers, [header]: value }, text })
    const { 'webhook-signature': _signature, ...unsigned } = headers
    const good = [genuine, signed(0), signed(290), signed(-290)]
    const bad = [
      { headers, text: text.replace('logout', 'client') },
      { headers, text: `${text} ` },
      change('webhook-id', 'another'),
      change('webhook-timestamp', String(Number(headers['webhook-timestamp']) + 1)),
      change('webhook-timestamp', 'soon'),
      change('webhook-signature', 'v1,'),
      change('webhook-signature', String(headers['webhook-signature']).slice(0, -1)),
      change('webhook-signature', 'ö'.repeat(47)),
      signed(0, 'another-secret-of-some'),
      signed(310),
      signed(-310),
      { headers: unsigned, text },
      { headers: {}, text },
    ]
    const cases = JSON.stringify([...good, ...bad].map(({ headers, text }) => [headers, text]))
    const script = file(name, program(Buffer.from(cases).toString('base64')).join('\n'))
    const { stdout, stderr } = await run(command, [script], {
      env: { ...process.env, EVENTS_SECRET: eventsSecret },
    })
    const judged = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(judged).toEqual([...good.map(() => genuine.event), ...bad.map(() => null)])
    expect(stderr).toBe('')
  }

  const snippet = (language: string, sign: string) =>
    new Document('docs/api.md', service.url).blocks(language).find(code => code.includes(sign))!

  test('has the fields and reasons that docs/api.md names', () => {
    const example = JSON.parse(snippet('json', 'session.ended'))
    expect(Object.keys(genuine.event)).toEqual(Object.keys(example))
    expect(Object.keys(genuine.event.data)).toEqual(Object.keys(example.data))
    const [, list = ''] = /such as\s+([^.]*)\./.exec(read('docs/api.md').split('**Reasons**')[1]!)!
    const reasons = Array.from(list.matchAll(/`([^`]+)`/g), ([, name]) => name!)
    expect(reasons.length).toBeGreaterThan(3)
    expect(reasons.filter(name => !(endReasons as readonly string[]).includes(name))).toEqual([])
  })

  test('is verified by the JavaScript in docs/api.md', () =>
    expectJudged(process.execPath, 'program.mjs', cases => [
      snippet('js', 'chatEvent'),
      `for (const [headers, body] of JSON.parse(Buffer.from('${cases}', 'base64')))`,
      '  console.log(JSON.stringify(chatEvent(headers, body) ?? null))',
    ]))

  describeWith(['php-cli'], 'in PHP', () => {
    test('is verified by the recipe', () =>
      expectJudged('php', 'program.php', cases => [
        read('examples/recipes/events.php'),
        `foreach (json_decode(base64_decode('${cases}'), true) as [$headers, $body]) {`,
        '    $_SERVER = [];',
        '    foreach ($headers as $name => $value) {',
        "        $_SERVER['HTTP_' . strtoupper(strtr($name, '-', '_'))] = $value;",
        '    }',
        '    echo json_encode(chat_event($body)), "\\n";',
        '}',
      ]))
  })

  describeWith(['python3'], 'in Python', () => {
    test('is verified by the recipe', () =>
      expectJudged('python3', 'program.py', cases => [
        read('examples/recipes/events.py'),
        `for headers, body in json.loads(base64.b64decode('${cases}')):`,
        '    print(json.dumps(chat_event(headers, body.encode())))',
      ]))
  })
})

describe('The settings in docs/embed.md', () => {
  /** Of the environment, only what a shell needs. */
  const runScript = (script: string, more: Readonly<Record<string, string>> = {}) =>
    run('bash', ['-e', '-c', script], { cwd: folder, env: { PATH: process.env['PATH'] ?? '', ...more } })
  const command = `${process.execPath} ${root}/dist/main.js`

  test('let the service account log in a user, as one pastes them', async () => {
    const certificate = makeCertificate(['DNS:example.org'])
    file('example.org.crt', certificate.cert)
    const encrypted = await startLoginServer({
      ...{ domain: 'example.org', certificate, accounts: { portal: 'PASSWORD' } },
      ...{ actors: ['portal'], mechanisms: ['SCRAM-SHA-1', 'PLAIN'] },
    })
    const [script = ''] = /^umask 077$.*?(?=^```)/ms.exec(embed) ?? []
    try {
      const { stdout } = await runScript(
        script
          .replaceAll('npx warm-bindings', command)
          .replace('127.0.0.1:5222', `127.0.0.1:${encrypted.port}`)
          .replace('/etc/ssl/certs', folder),
      )
      expect(stdout).toMatch(/The settings are valid.*alice@example\.org can be logged in/s)
    } finally {
      await encrypted.stop()
    }
  })

  test('for an OpenID provider are valid', async () => {
    const [block = ''] = /^PAGE_TOKEN_ISSUER=.*?(?=^```)/ms.exec(embed) ?? []
    file('.env', `${block}PAGE_ORIGINS=https://www.example.org\n`)
    const { stdout } = await runScript(`${command} --check-config`, {
      WARM_ENABLED: 'off',
      XMPP_DOMAINS: 'example.org',
      XMPP_SERVICE_ACCOUNTS: 'example.org=portal:its-password',
      XMPP_SERVERS: 'example.org=xmpp://127.0.0.1:5222',
    })
    expect(stdout).toContain('The settings are valid')
  })
})

describeWith(['chromium'], 'In Chromium, the example', () => {
  let tab: Page

  beforeEach(async () => {
    tab = await (await sharedChromium()).newPage()
    await tab.route('**/chat/token', route => route.fulfill({ json: { token: pageToken({ visit: 'v1' }) } }))
    await callSessions(service.url, 'DELETE', `/sessions?jid=${jid}`)
  })

  afterEach(async () => tab?.close())

  /** Ids of the user's sessions that are in use. */
  const held = async (): Promise<string[]> => {
    const { json } = await callSessions(service.url, 'GET', `/sessions?jid=${jid}&state=held`)
    return json.sessions.map(({ id }: { id: string }) => id)
  }
  const isOnline = async () => {
    await eventually('a session is held', async () => (await held()).length > 0)
    return (await held())[0]!
  }

  const open = async (html: string) => {
    served = html
    await tab.route(`${portal.url}/converse/**`, route => {
      const { pathname } = new URL(route.request().url())
      return route.fulfill({ path: join(converse, pathname.replace('/converse/', '')) })
    })
    await tab.goto(portal.url)
  }
  const pageOf = (file: string, sign: string) =>
    new Document(file, service.url).blocks('html').find(code => code.includes(sign))!

  test.each([
    ['a token', 'connect({'],
    ['Converse', 'connectConverse'],
  ])('of the README with %s is online, and gets a new session after the end of the first', async (_, sign) => {
    const messages: string[] = []
    tab.on('console', line => messages.push(line.text()))
    await open(pageOf('README.md', sign))
    const id = await isOnline()
    if (sign === 'connect({') await eventually('its own message', () => messages.some(text => text.includes('Tea?')))
    await callSessions(service.url, 'DELETE', `/${id}`)
    expect(await isOnline()).not.toBe(id)
  })

  test('of docs/embed.md with Converse shows above Converse that the service cannot be reached', async () => {
    await open(pageOf('docs/embed.md', 'connectConverse'))
    const id = await isOnline()
    const notice = tab.locator('body > p')
    expect(await notice.textContent()).toBe('')
    await tab.route('**/connect', route => route.abort())
    await callSessions(service.url, 'DELETE', `/${id}`)
    await notice.getByText('The chat service cannot be reached.').click({ timeout: patience })
    await tab.unroute('**/connect')
    expect(await isOnline()).not.toBe(id)
    await notice.filter({ hasNotText: /./ }).waitFor({ state: 'attached', timeout: patience })
  })

  /** Opens the whole page. Resolves with the uncaught errors of its script, and counts calls of `/sign-out`. */
  const openWhole = async () => {
    const seen = { errors: [] as string[], signOuts: 0 }
    tab.on('pageerror', error => seen.errors.push(error.message))
    await tab.route('**/sign-out', route => {
      seen.signOuts += 1
      return route.fulfill({ contentType: 'text/html', body: 'Signed out.' })
    })
    await open(pageOf('docs/embed.md', 'token:'))
    return seen
  }
  const signOut = async () => {
    await tab.getByRole('button', { name: 'Sign out' }).click()
    await tab.getByText('Signed out.').waitFor()
  }

  test('of a whole page in docs/embed.md chats, and signs out', async () => {
    const seen = await openWhole()
    await tab.getByText('online').first().waitFor()
    await tab.getByText('Tea?').waitFor()
    const id = await isOnline()
    const status = tab.getByRole('status')
    await status.filter({ hasText: /^online/ }).waitFor()
    await tab.route('**/connect', route => route.abort())
    await callSessions(service.url, 'DELETE', `/${id}`)
    await status.filter({ hasText: /^offline/ }).waitFor()
    await tab.unroute('**/connect')
    await status.filter({ hasText: /^online/ }).waitFor()
    expect(
      await tab
        .locator('li')
        .filter({ hasText: /^(?:on|off)line/ })
        .count(),
    ).toBe(0)
    await signOut()
    expect(seen).toEqual({ errors: [], signOuts: 1 })
  })

  test.each([
    ['the service is down', '**/assets/**', 'abort', 'The chat is unavailable.'],
    ['the portal has signed the user out', '**/chat/token', 'reject', 'You are not signed in any more.'],
  ])('of a whole page in docs/embed.md says so if %s', async (_, urls, fault, text) => {
    await tab.route(urls, route => (fault === 'abort' ? route.abort() : route.fulfill({ status: 401, body: '' })))
    const seen = await openWhole()
    await tab.getByText(text).waitFor()
    await signOut()
    expect(seen).toEqual({ errors: [], signOuts: 1 })
  })
})

test('docs/embed.md names only known error codes', () => {
  const section = embed.split('## When something is wrong\n')[1]!.split('\n## ')[0]!
  const cells = Array.from(section.matchAll(/^\| (`.*?) \|/gm), ([, cell]) => cell!)
  const codes = cells.flatMap(cell => Array.from(cell.matchAll(/`([^`]+)`/g), ([, code]) => code!))
  expect(codes.length).toBeGreaterThan(5)
  expect(codes.filter(code => !(code in problems))).toEqual([])
})
