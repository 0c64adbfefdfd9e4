import { once } from 'node:events'
import http from 'node:http'
import { connect } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { hashSecret } from '../../../src/config/kinds/secret-hash.js'
import { Listener } from '../../support/listener.js'
import { binding, credentials, fakeService, parameters } from '../fake-login.js'
import { FakeSessions, idOf } from '../fake-sessions.js'

/** Waits without time, until the service has come so far. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate)
}

async function call(
  service: ReturnType<typeof fakeService>,
  { path = '/warm', body = JSON.stringify(parameters), lacking = 0, times = 1 } = {},
) {
  const server = http.createServer(service.app)
  const listener = await Listener.start(server)
  const received = once(server, 'request')
  const socket = connect(listener.port, '127.0.0.1')
  const request =
    `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${Buffer.from(credentials.join(':')).toString('base64')}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length + lacking}\r\n\r\n${body}`
  socket.write(request.repeat(times))
  return {
    async hangUp() {
      const [, response] = await received
      const closed = once(response, 'close')
      socket.destroy()
      await closed
      await listener.stop()
    },
  }
}

/** A service whose logins succeed when the test says so. */
function waiting() {
  const logins: ((session: typeof binding) => void)[] = []
  const service = fakeService({ login: () => new Promise(resolve => logins.push(resolve)) })
  return { service, logins }
}

describe('a caller that disconnects', () => {
  test('aborts the login', async () => {
    let isAborted = false
    const service = fakeService({
      login: (_request, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            isAborted = true
            reject(signal.reason)
          })
        }),
    })
    const caller = await call(service)
    await until(() => service.logins.length === 1)
    await caller.hangUp()
    await until(() => isAborted)
    await new Promise(setImmediate)
    expect(service.released).toEqual([])
    expect(service.lines()).toMatchObject([{ code: 'client-gone', jid: 'juliet@chat.example', level: 30 }])
  })

  test('in the middle of the body is logged as client-gone, not as an error', async () => {
    const service = fakeService()
    const caller = await call(service, { lacking: 10 })
    await caller.hangUp()
    await new Promise(setImmediate)
    expect(service.lines()).toMatchObject([{ code: 'client-gone', level: 30 }])
    expect(service.logins).toEqual([])
  })

  const paths = ['/warm', `/warm/${idOf(5)}/resume`]

  test.each(paths)('while the secret is being hashed causes no action and no error at %s', async path => {
    const [name, secret] = credentials
    const sessions = new FakeSessions()
    sessions.add(5)
    const admins = [{ name, secret: await hashSecret(secret), domains: ['*'], role: 'all' as const }]
    const service = fakeService({ admins, sessions })
    const body = path === '/warm' ? undefined : ''
    const caller = await call(service, { path, body })
    await caller.hangUp()
    await until(() => service.lines().length > 0)
    expect(service.lines()).toMatchObject([{ code: 'client-gone', level: 30 }])
    expect(service.counts.faults).toBe(0)
    expect([service.logins, sessions.resumed]).toEqual([[], []])
  })

  test('while its session is looked for leaves the session and its token as they are', async () => {
    const sessions = new FakeSessions()
    const session = sessions.add(5)
    let find: ((found: typeof session) => void) | undefined
    sessions.get = () => new Promise(resolve => (find = resolve))
    const service = fakeService({ sessions })
    const caller = await call(service, { path: `/warm/${idOf(5)}/resume`, body: '{}' })
    await until(() => find !== undefined)
    await caller.hangUp()
    find!(session)
    await until(() => service.lines().length > 0)
    expect(service.lines()).toMatchObject([{ code: 'client-gone', level: 30 }])
    expect(sessions.resumed).toEqual([])
  })

  test('leaves no session behind if the call waits for an earlier call on the same connection', async () => {
    const { service, logins } = waiting()
    const caller = await call(service, { times: 2 })
    await until(() => logins.length === 2)
    logins[1]!({ ...binding, id: 'second' })
    await caller.hangUp()
    await new Promise(setImmediate)
    expect(service.released).toEqual(['second'])
    logins[0]!(binding)
    await new Promise(setImmediate)
    expect(service.released).toEqual(['second', binding.id])
  })
})
