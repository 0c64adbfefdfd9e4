// What docs/embed.md has for backends, as it stands there: the three calls in each language, and whole portals that can be run here.
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { clients, runProgram } from '../support/backends/programs.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { saslFailure } from '../support/login-server/elements.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { freePorts } from '../support/ports.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { Document, documented, repository } from './documented.js'
import { describeWith } from './needs.js'

// Each wait in a test has its own, shorter deadline, which says what did not come.
jest.setTimeout(60_000)

const { account, password } = documented
const jid = documented.jid.replace('example.org', 'localhost')

let folder: string
let server: LoginServer
let service: TestService
let document: Document
/** How much of the log was there before the test. */
let seen: number

beforeAll(async () => {
  server = await startLoginServer({ domain: 'localhost', accounts: { alice: password } })
  service = await startTestService({
    servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
    environment: { ADMIN_USERS: `${account.name}:${account.secret}` },
  })
  document = new Document('docs/embed.md', service.url)
  folder = mkdtempSync(join(tmpdir(), 'recipes-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(repository, join(folder, 'node_modules', 'warm-bindings'))
  symlinkSync(join(repository, 'node_modules', 'express'), join(folder, 'node_modules', 'express'))
  cpSync(clients, folder, { recursive: true })
  cpSync(join(repository, 'examples', 'portal', 'chats.js'), join(folder, 'chats.js'))
  write('package.json', '{ "type": "module" }')
})

beforeEach(() => {
  seen = service.lines.length
})

afterEach(() => {
  server.script = {}
})

afterAll(async () => {
  await service?.stop()
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

function write(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

/** What the portal called in this test, and how it went. */
const calls = () =>
  service.lines
    .slice(seen)
    .map(line => JSON.parse(line))
    .filter(line => line.admin === account.name)
    .map(({ msg, code }) => `${msg}: ${code}`)

/** The first block of code in this language that has the sign in it. */
function recipe(language: string, sign: string): string {
  const found = document.blocks(language).find(code => code.includes(sign))
  if (found === undefined) throw new Error(`there is no ${language} with ${sign}`)
  return found
}

for (const { language, packages, command, sign, print } of [
  {
    language: 'js',
    packages: [],
    command: process.execPath,
    sign: '.resume(id)',
    print: 'console.log(binding.jid)',
  },
  {
    language: 'php',
    packages: ['php-cli'],
    command: 'php',
    sign: '->resume($id)',
    print: 'echo $binding["jid"];',
  },
  {
    ...{ language: 'python', packages: ['python3'], command: 'python3' },
    ...{ sign: '.resume(session_id)', print: 'print(binding["jid"])' },
  },
]) {
  describeWith(packages, `The three calls in ${language}`, () => {
    test('are as they stand there', async () => {
      const file = write(`calls.${language}`, `${recipe(language, sign)}\n${print}\n`)
      expect(await runProgram(command, [file])).toContain(`${jid}/`)
      expect(calls()).toEqual(['warm: ok', 'resume: ok', 'logout: ok'])
    })
  })
}

for (const { language, packages, command, begin, end } of [
  {
    ...{ language: 'js', packages: [], command: process.execPath },
    ...{ begin: 'const name = process.argv[2]', end: 'console.log(local)' },
  },
  {
    ...{ language: 'php', packages: ['php-cli'], command: 'php' },
    ...{ begin: '<?php $name = $argv[1];', end: 'echo $local;' },
  },
  {
    ...{ language: 'python', packages: ['python3'], command: 'python3' },
    ...{ begin: 'import re, sys\nname = sys.argv[1]', end: 'print(local)' },
  },
]) {
  describeWith(packages, `From a name to a JID in ${language}`, () => {
    test.each([
      ['alice', 'alice'],
      ["o'hara", String.raw`o\27hara`],
      ['bob@other.example/', String.raw`bob\40other.example\2f`],
      ['d"artagnan & co <:>', String.raw`d\22artagnan\20\26\20co\20\3c\3a\3e`],
      [String.raw`c:\net \2f \5C \c`, String.raw`c\3a\net\20\5c2f\20\5c5C\20\c`],
    ])('%j is escaped', async (name, local) => {
      const file = write(`escape.${language}`, `${begin}\n${recipe(language, '2[267f]')}\n${end}\n`)
      expect((await runProgram(command, [file, name])).trim()).toBe(local)
    })
  })
}

/** A portal made of what the document says. */
interface Portal {
  readonly packages: readonly string[]
  /** Writes its files, and tells how it is started at a port. */
  start(port: number): ChildProcess
  /** Where it is asked for a session, another page, and to sign out. */
  readonly paths: { readonly binding: string; readonly page: string; readonly signOut: string }
  /** What its requests have to show that a user is signed in. */
  signIn(url: string): Promise<Record<string, string>>
}

const php: Portal = {
  packages: ['php-cli'],
  paths: { binding: '/binding.php', page: '/page.php', signOut: '/sign-out.php' },
  start(port) {
    for (const file of ['chats.php', 'binding.php', 'sign-out.php'])
      write(file, new Document(`examples/recipes/php/${file}`, service.url).text)
    write('sign-in.php', "<?php session_start(); $_SESSION['user'] = 'alice';")
    write('page.php', "<?php session_start(); echo $_SESSION['user'];")
    const settings = [`session.save_path=${folder}`, 'log_errors=off', 'display_errors=on'].flatMap(each => [
      '-d',
      each,
    ])
    const env = { ...process.env, PHP_CLI_SERVER_WORKERS: '4' }
    return spawn('php', [...settings, '-S', `127.0.0.1:${port}`, '-t', folder], {
      env,
      stdio: 'ignore',
      detached: true,
    })
  },
  async signIn(url) {
    const { headers } = await ask(`${url}/sign-in.php`, { agent: false })
    return { Cookie: headers['set-cookie']![0]!.replace(/;.*/, '') }
  },
}

let visitors = 0

const express: Portal = {
  packages: [],
  paths: { binding: '/chat/binding', page: '/page', signOut: '/sign-out' },
  start(port) {
    // What express-session would do.
    const file = write(
      'express.js',
      `import express from 'express'
      const app = express().set('env', 'production')
      const user = { chat: { jid: '${jid}', password: '${password}' } }
      app.use((request, response, next) => {
        const id = request.get('visit')
        request.session = { id, user: id && user }
        next()
      })
      app.get('/page', (request, response) => response.send('alice'))
      app.get('/sign-out', async (request, response) => {
        await endChats(request.session.id)
        response.end()
      })
      ${recipe('js', 'app.get(')}
      app.listen(${port}, '127.0.0.1')`,
    )
    return spawn(process.execPath, [file], { stdio: 'ignore', detached: true })
  },
  async signIn() {
    visitors += 1
    return { visit: String(visitors) }
  },
}

for (const [name, portal] of Object.entries({ PHP: php, Express: express })) {
  describeWith(portal.packages, `A portal in ${name}`, () => {
    let url: string
    let portalProcess: ChildProcess

    const get = (path: string, headers: Record<string, string> = {}) => ask(url + path, { agent: false, headers })
    const bind = (headers: Record<string, string>, tab: string) => get(`${portal.paths.binding}?tab=${tab}`, headers)
    const bound = async (headers: Record<string, string>, tab: string) => {
      const { status, text } = await bind(headers, tab)
      if (status !== 200) throw new Error(`no binding but HTTP ${status}: ${text}`)
      return JSON.parse(text)
    }

    beforeAll(async () => {
      const [port] = await freePorts(1)
      url = `http://127.0.0.1:${port}`
      portalProcess = portal.start(port!)
      process.once('exit', stop)
      let answers = false
      const knock = () => {
        get(portal.paths.binding).then(
          () => {
            answers = true
          },
          () => setTimeout(knock, 50),
        )
      }
      knock()
      await eventually('it serves', () => answers)
    })

    const stop = () => {
      // With the processes that it has started itself.
      if (portalProcess?.pid !== undefined) process.kill(-portalProcess.pid)
    }

    afterAll(() => {
      process.off('exit', stop)
      stop()
    })

    test('has nothing for visitors who are not signed in', async () => {
      expect((await bind({}, 'one')).status).toBe(401)
      expect(calls()).toEqual([])
    })

    test('gives each tab its session, the same again, and ends all when the user signs out', async () => {
      const visit = await portal.signIn(url)
      const reply = await bind(visit, 'one')
      expect(reply.headers['content-type']).toMatch(/^application\/json/)
      expect(reply.headers['cache-control']).toContain('no-store')
      const first = JSON.parse(reply.text)
      expect(first).toMatchObject({
        ...{ jid: expect.stringMatching(`^${jid}/.`), sid: expect.any(String), rid: expect.any(Number) },
        ...{ resumed: false, websocket: { token: expect.any(String) } },
      })
      const other = await bound(visit, 'two')
      expect(other.sid).not.toBe(first.sid)
      expect(await bound(visit, 'one')).toMatchObject({ jid: first.jid, sid: first.sid, resumed: true })
      expect((await get(portal.paths.signOut, visit)).status).toBe(200)
      expect(calls()).toEqual(['warm: ok', 'warm: ok', 'resume: ok', 'logout: ok', 'logout: ok'])
    })

    test('gives tabs that load together a session each, and forgets none', async () => {
      const visit = await portal.signIn(url)
      const tabs = ['one', 'two', 'three']
      const bindings = await Promise.all(tabs.map(tab => bound(visit, tab)))
      for (const [index, tab] of tabs.entries()) expect((await bound(visit, tab)).sid).toBe(bindings[index]!.sid)
      await get(portal.paths.signOut, visit)
      expect(calls().slice(3)).toEqual([...Array(3).fill('resume: ok'), ...Array(3).fill('logout: ok')])
    })

    test('gives a tab another session when its own is over', async () => {
      const visit = await portal.signIn(url)
      const first = await bound(visit, 'one')
      const { lines } = service
      const { id } = JSON.parse(lines.findLast(line => line.includes('"msg":"warm"'))!)
      const authorization = `Basic ${Buffer.from(`${account.name}:${account.secret}`).toString('base64')}`
      await ask(`${service.url}/warm/${id}`, { method: 'DELETE', agent: false, headers: { authorization } })
      expect((await bound(visit, 'one')).sid).not.toBe(first.sid)
      await get(portal.paths.signOut, visit)
      expect(calls()).toEqual(['warm: ok', 'logout: ok', 'resume: session-not-found', 'warm: ok', 'logout: ok'])
    })

    test('remembers the last twenty tabs', async () => {
      const visit = await portal.signIn(url)
      const first = await bound(visit, '0')
      for (let tab = 1; tab < 20; tab += 1) await bound(visit, String(tab))
      expect((await bound(visit, '0')).sid).toBe(first.sid)
      for (let tab = 20; tab < 22; tab += 1) await bound(visit, String(tab))
      expect((await bound(visit, '0')).sid).toBe(first.sid)
      await get(portal.paths.signOut, visit)
      expect(calls().filter(call => call === 'warm: ok').length).toBe(22)
      expect(calls().filter(call => call === 'logout: ok').length).toBe(20)
    })

    test('has its other pages for the user while the XMPP server is slow', async () => {
      const visit = await portal.signIn(url)
      let goOn = () => {}
      const isTold = new Promise<void>(resolve => {
        goOn = resolve
      })
      let isBegun = false
      server.script = {
        async features(turn) {
          isBegun = true
          await isTold
          turn.goOn()
        },
      }
      const binding = bound(visit, 'one')
      await eventually('the login', () => isBegun)
      expect((await get(portal.paths.page, visit)).text).toBe('alice')
      goOn()
      expect((await binding).jid).toContain(jid)
      await get(portal.paths.signOut, visit)
    })

    test('says 503 where there is no chat', async () => {
      const visit = await portal.signIn(url)
      server.script = { success: turn => turn.say(saslFailure('not-authorized')) }
      const reply = await bind(visit, 'one')
      expect([reply.status, reply.text.includes(password)]).toEqual([503, false])
      expect(calls()).toEqual(['warm: not-authorized'])
    })
  })
}
