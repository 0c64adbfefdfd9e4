import { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { element } from '../../support/element.js'
import {
  type Call,
  encrypted,
  ended,
  features,
  footer,
  opened,
  plainHeader,
  serverHeader,
  stopServers,
  ticketed,
} from './call.js'

afterEach(stopServers)

describe('the space that servers with TLS 1.3 wait for', () => {
  const pong = async (call: Call, peer: Awaited<ReturnType<typeof encrypted>>['peer']) => {
    // After this mark, all earlier data has arrived.
    call.link.send([element('<mark/>')])
    return peer.until('<mark/>')
  }

  test('is sent after the session tickets, once for those that arrive together, and again later', async () => {
    const on = jest.spyOn(TLSSocket.prototype, 'on')
    const { call, peer } = await encrypted()
    await ticketed(call)
    expect(await pong(call, peer)).toBe('<mark/>')
    call.clock.advance(0)
    call.clock.advance(1000)
    expect(await pong(call, peer)).toBe(' <mark/>')
    // A server in Node cannot send another ticket.
    const socket = on.mock.contexts[on.mock.calls.findIndex(([event]) => String(event) === 'session')]
    ;(socket as TLSSocket).emit('session', Buffer.alloc(0))
    on.mockRestore()
    call.clock.advance(0)
    expect(await pong(call, peer)).toBe(' <mark/>')
  })

  test('is not sent if the server has already answered', async () => {
    const { call, peer } = await encrypted()
    await ticketed(call)
    peer.send('<')
    await call.hears('flush')
    call.clock.advance(0)
    expect(await pong(call, peer)).toBe('<mark/>')
  })

  test('is not sent if the link was closed', async () => {
    const { call, peer } = await encrypted()
    await ticketed(call)
    call.link.close()
    call.clock.advance(0)
    expect(await peer.until(footer)).toBe(footer)
    await ended(call, peer, footer)
    expect(peer.unread).toBe('')
    expect(call.clock.pending).toBe(0)
  })

  test('is not sent after a stream header alone', async () => {
    const { call, peer } = await encrypted()
    await ticketed(call)
    call.clock.advance(0)
    peer.send(serverHeader + features)
    await call.hears('flush')
    call.link.restart({})
    call.clock.advance(1000)
    await peer.until("streams'>")
    expect(await pong(call, peer)).toBe('<mark/>')
  })

  test('is not sent over TLS 1.2, or over an unencrypted link', async () => {
    const { call, peer } = await encrypted({ maxVersion: 'TLSv1.2' })
    call.clock.advance(1)
    expect(await pong(call, peer)).toBe('<mark/>')
    peer.reset()
    const plain = await opened()
    plain.call.link.restart({})
    plain.call.clock.advance(1)
    await plain.peer.until(plainHeader)
    expect(await pong(plain.call, plain.peer)).toBe('<mark/>')
  })
})
