import type net from 'node:net'
import { connect, Socket } from 'node:net'
import { describe, expect, jest, test } from '@jest/globals'
import { connectToAny } from '../../../src/servers/net/connect-to-any.js'
import type { Failure } from '../../../src/xmpp/link.js'
import { calledAfterEach } from '../../support/closers.js'
import { FakeClock } from '../../support/fake-clock.js'
import { ScriptedServer } from '../../support/scripted-server.js'

const clock = new FakeClock()
const closers = calledAfterEach()

function connecting(addresses: readonly string[], port: number, until = 60_000, opened = connect) {
  const { end, cancel } = connectToAny(addresses, port, { clock, until, connect: opened })
  closers.push(cancel)
  return end
}

async function addressOf(connected: Promise<Socket | Failure>): Promise<string | undefined> {
  const socket = (await connected) as Socket
  closers.push(() => socket.destroy())
  expect(socket.listenerCount('error')).toBe(1)
  expect(socket.listenerCount('connect')).toBe(0)
  return socket.remoteAddress
}

async function listen(host: string): Promise<number> {
  const server = await ScriptedServer.start(host)
  closers.push(() => server.stop())
  return server.port
}

const silent = jest.fn(() => new Socket()) as unknown as typeof net.connect

describe('connecting to the addresses of a host', () => {
  test('tries the next address at once if an attempt fails', async () => {
    const port = await listen('127.0.0.3')
    expect(await addressOf(connecting(['::1', '127.0.0.2', '127.0.0.3'], port))).toBe('127.0.0.3')
    expect(clock.pending).toBe(0)
  })

  test('fails after half a second for each address, five for all together, or at an earlier limit', async () => {
    for (const [until, ms] of [
      [Number.POSITIVE_INFINITY, 5_000],
      [clock.now() + 8_000, 3_000],
    ] as const) {
      const failed = connecting(['192.0.2.1', '192.0.2.2'], 5222, until, silent)
      clock.advance(ms - 1)
      expect(clock.pending).toBe(1)
      clock.advance(1)
      expect(await failed).toEqual({ step: 'connect', code: 'timeout' })
    }
    expect(clock.pending).toBe(0)
    // Node.js then tries the next address.
    expect(silent).toHaveBeenCalledWith(expect.objectContaining({ autoSelectFamilyAttemptTimeout: 500 }))
  })

  test('reports why it failed', async () => {
    const socket = new Socket()
    const failed = connecting(['192.0.2.1'], 5222, 60_000, () => socket)
    const about = { code: 'EMFILE', syscall: 'connect', address: '192.0.2.1' }
    socket.emit('error', Object.assign(new Error(about.code), about))
    expect(await failed).toMatchObject({ step: 'connect', code: 'service-full', cause: about })
    expect([socket.destroyed, clock.pending]).toEqual([true, 0])
  })

  test('keeps the connection after a later cancel', async () => {
    const port = await listen('127.0.0.3')
    const { end, cancel } = connectToAny(['127.0.0.3'], port, { clock, until: 60_000, connect })
    const socket = await end
    cancel()
    expect((socket as Socket).destroyed).toBe(false)
    closers.push(() => (socket as Socket).destroy())
  })

  test('leaves nothing open after a cancel, and reports nothing', async () => {
    const socket = new Socket()
    const onEnd = jest.fn()
    const { end, cancel } = connectToAny(['192.0.2.1'], 5222, { clock, until: 60_000, connect: () => socket })
    void end.then(onEnd)
    cancel()
    socket.emit('error', new Error('too late'))
    await new Promise(setImmediate)
    expect([socket.destroyed, clock.pending]).toEqual([true, 0])
    expect(onEnd).not.toHaveBeenCalled()
  })
})
