// Clients that are not libraries for pages: Pidgin's engine and gloox with their BOSH, and Gajim's with its WebSocket.
// Runs in npm run test:all only: it compiles a program.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { connect, Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeAll, expect, test } from '@jest/globals'
import { stoppedAfterAll } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { describeWith } from './needs.js'
import { overPlainLink } from './servers.js'
import { passwords, User } from './user.js'

const support = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url))

/** libpurple waits for a second before each request. */
const seconds = 60

const packages = ['prosody', 'bitlbee-libpurple', 'libgloox-dev', 'g++', 'python3-nbxmpp']

describeWith(packages, 'A native client', () => {
  const { folder } = testFolder()
  const keep = stoppedAfterAll()
  let service: TestService
  let bob: User
  let client: ChildProcess | undefined
  let said = ''

  beforeAll(async () => {
    const server = await keep(startProsody({ users: passwords }))
    service = await keep(startTestService({ servers: overPlainLink(server) }))
    bob = await keep(User.warm(service, { jid: 'bob@localhost', password: passwords.bob }))
  })

  afterEach(() => {
    client?.kill('SIGKILL')
    said = ''
  })

  const hears = (text: string) => eventually(`"${text}" is said`, () => said.includes(text), { seconds })
  /** Full, because the session of the client before this one may still be online. */
  const ownJid = async () => {
    await eventually('it is online', () => /^online \S+\n/m.test(said), { seconds })
    return /^online (\S+)/m.exec(said)![1]!
  }
  const listenTo = (stream: NodeJS.ReadableStream | null) =>
    stream?.on('data', chunk => {
      said += chunk
    })

  test('of libpurple logs in, and chats', async () => {
    const [port] = (await freePorts(1)) as [number]
    const state = join(folder, 'bitlbee')
    mkdirSync(state)
    const words = ['-F', '-n', '-p', String(port), '-i', '127.0.0.1', '-d', state, '-P', join(folder, 'pid')]
    client = spawn('bitlbee', words, { stdio: 'ignore' })
    let irc = new Socket()
    await eventually('it listens', () => {
      irc = connect(port, '127.0.0.1')
      return once(irc, 'connect').then(Boolean, () => false)
    })
    listenTo(irc)
    irc.write('NICK me\r\nUSER me 0 * :me\r\n')
    await hears('Welcome to the BitlBee gateway')
    const command = (text: string) => irc.write(`PRIVMSG &bitlbee :${text}\r\n`)
    command(`account add jabber alice@localhost ${passwords.alice}`)
    await hears('Account successfully added')
    const url = service.url.replace('127.0.0.1', 'localhost')
    for (const [name, value] of [
      ['bosh_url', `${url}/http-bind`],
      ['connection_security', 'opportunistic_tls'],
    ]) {
      command(`account jabber set ${name} ${value}`)
      await hears(`${name} = `)
    }
    command('account jabber on')
    await hears('Logged in')
    bob.say('alice@localhost', 'is that Pidgin?')
    await hears('is that Pidgin?')
    irc.write('PRIVMSG bob :it is libpurple\r\n')
    await bob.receives('it is libpurple', seconds * 1000)
    irc.end('QUIT\r\n')
  })

  test('of gloox logs in, and chats', async () => {
    const program = join(folder, 'gloox-client')
    await promisify(execFile)('g++', ['-o', program, support('gloox-client.cpp'), '-lgloox'])
    client = spawn(program, [new URL(service.url).port])
    listenTo(client.stdout)
    bob.say(await ownJid(), 'is that gloox?')
    await hears('message is that gloox?')
    expect(await bob.receives('gloox has it')).toContain(' from=')
  })

  test('of nbxmpp logs in over WebSocket, and chats', async () => {
    const url = `${service.url.replace('http', 'ws')}/xmpp-websocket`
    client = spawn('/usr/bin/python3', [support('nbxmpp-client.py'), url])
    listenTo(client.stdout)
    bob.say(await ownJid(), 'is that Gajim?')
    await hears('message is that Gajim?')
    expect(await bob.receives('nbxmpp has it')).toContain(' from=')
  })
})
