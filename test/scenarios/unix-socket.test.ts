// The service at a Unix socket.
// Runs in npm run test:all only: ten seconds.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { stoppedAfterEach } from '../support/closers.js'
import { ask } from '../support/http-answer.js'
import { jsonHeaders } from '../support/login-server/watched-service.js'
import { Operator, usualSettings } from '../support/operated-service.js'
import { redisForWorkers, workerCounts } from '../support/redis-for-workers.js'
import { root } from '../support/repository.js'
import { startTestService, type TestService } from '../support/start-service.js'

const alice = JSON.stringify({ jid: 'alice@localhost', password: 'wonderland' })

let path: string
const stopped = stoppedAfterEach()
const operator = Operator.ofEachTest()
const workersOf = redisForWorkers()

beforeEach(() => {
  path = operator.pathOf('http.sock')
})

const healthCheck = join(root, 'dist', 'command', 'health-check.js')

function start(more: Record<string, string> = {}): Promise<TestService> {
  const environment = { HOST: `unix:${path}`, ...more }
  return stopped(startTestService({ demo: [{ alice: 'wonderland' }], environment }))
}

const call = (target: string, options: object = {}, body?: string) =>
  ask(`http://localhost${target}`, { socketPath: path, ...options }, body)

/** The socket of a process that was killed. */
function leaveSocket(): void {
  const program = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  expect(() => execFileSync(process.execPath, ['-e', program], { stdio: 'pipe' })).toThrow()
  expect(statSync(path).isSocket()).toBe(true)
}

test('is where backends of the same machine warm sessions, without TLS, also beside TCP addresses', async () => {
  const HOST = `127.0.0.1,unix:${path}`
  const { service } = await start({ HOST, PORT: '0', EXTERNAL_URL: 'https://chat.example' })
  expect(service.urls).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:/), `unix:${path}`])
  expect((await ask(`${service.url}/healthz`)).status).toBe(200)
  const { status, text } = await call('/warm', { method: 'POST', headers: jsonHeaders }, alice)
  expect([status, JSON.parse(text).url]).toEqual([200, 'https://chat.example/http-bind'])
})

test('uses the client address that its proxy sends, whatever TRUSTED_PROXIES is', async () => {
  const { lines } = await start({ TRUSTED_PROXIES: 'none' })
  const told = async (headers: Record<string, string>) => {
    await call('/.well-known/host-meta', { method: 'POST', headers })
    return JSON.parse(lines.findLast(line => line.includes('"method-not-allowed"'))!).address
  }
  expect(await told({ 'X-Forwarded-For': '203.0.113.9' })).toBe('203.0.113.9')
  expect(await told({})).toBe('127.0.0.1')
})

test('replaces the socket file of a killed process, and is removed at the stop', async () => {
  leaveSocket()
  const own = await start()
  expect((await call('/healthz')).status).toBe(200)
  await own.stop()
  expect(existsSync(path)).toBe(false)
})

describe('the service does not start, and prints why, if', () => {
  const fault = () =>
    start().then(
      () => 'started',
      (error: Error) => error.message.replaceAll(operator.pathOf('.'), 'FOLDER'),
    )

  test('another program listens at the Unix socket, whose file stays', async () => {
    const other = createServer(socket => socket.on('error', () => {}).end('other'))
    await new Promise<void>(resolve => other.listen(path, resolve))
    expect(await fault()).toContain('HOST has unix:FOLDER/http.sock, at which another program listens')
    expect(existsSync(path)).toBe(true)
    await new Promise(resolve => other.close(resolve))
  })

  test('another file has the name of the Unix socket, and stays', async () => {
    writeFileSync(path, 'mine')
    expect(await fault()).toContain('where there is a file that is no socket: choose another path')
    expect(statSync(path).isFile()).toBe(true)
  })

  test('the folder of the Unix socket is missing', async () => {
    path = operator.pathOf('none/http.sock')
    expect(await fault()).toContain('but the folder FOLDER/none does not exist')
  })
})

test.each(workerCounts('0', '2'))('has its permissions from the first moment, with WORKERS=%s', async workers => {
  operator.write('look.cjs', lookAtSockets)
  const environment = {
    ...usualSettings,
    ...{ ...workersOf(workers), HOST: `unix:${path}`, SOCKET_MODE: '640' },
    NODE_OPTIONS: `--require ${operator.pathOf('look.cjs')}`,
    MODES: operator.pathOf('modes'),
  }
  await operator.start(environment).url()
  expect(readFileSync(environment.MODES, 'utf8')).toBe('640\n')
})

/** In the process that listens: notes the mode of a Unix socket as soon as it exists, and before anything else runs. */
const lookAtSockets = `
  const { appendFileSync, statSync } = require('node:fs')
  const net = require('node:net')
  const note = path => {
    if (path.endsWith('http.sock') && require('node:cluster').isPrimary)
      appendFileSync(process.env.MODES, (statSync(path).mode & 0o777).toString(8) + '\\n')
  }
  const { listen } = net.Server.prototype
  net.Server.prototype.listen = function (...about) {
    const result = listen.apply(this, about)
    note(about[0]?.path ?? '')
    return result
  }
  // The primary of workers calls this one.
  const { _createServerHandle: create } = net
  net._createServerHandle = (path, ...about) => {
    const handle = create(path, ...about)
    note(String(path))
    return handle
  }`

test('is shared by workers, also after kill -9, and answers the health check', async () => {
  leaveSocket()
  const environment = { ...usualSettings, HOST: `unix:${path}`, ...workersOf('2') }
  const running = operator.start(environment)
  expect(await running.url()).toBe(`unix:${path}`)
  expect((statSync(path).mode & 0o777).toString(8)).toBe('660')
  const answers = await Promise.all(Array.from({ length: 8 }, () => call('/healthz')))
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
  execFileSync(process.execPath, [healthCheck], { env: environment })
  running.signal('SIGTERM')
  expect(await running.exit).toBe(0)
  expect(existsSync(path)).toBe(false)
})
