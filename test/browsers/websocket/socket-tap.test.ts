import { Duplex } from 'node:stream'
import { beforeEach, expect, test } from '@jest/globals'
import { SocketTap } from '../../../src/browsers/websocket/socket-tap.js'

const ofOthers = () => {}

let socket: Duplex
let tap: SocketTap
let read: string

beforeEach(() => {
  read = ''
  socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  socket.on('error', ofOthers).once('close', ofOthers)
  tap = new SocketTap(socket)
  socket.on('data', (chunk: Buffer) => {
    read += chunk
    // As `ws` does it.
    chunk.fill(0)
  })
  socket
    .on('error', () => {})
    .once('end', () => {})
    .once('close', () => {})
})

const turn = () => new Promise(setImmediate)

test('gives the connection back with all that was read, unchanged, and leaves it open', async () => {
  socket.push('one ')
  socket.push('two')
  await turn()
  expect(String(tap.leave())).toBe('one two')
  expect([socket.destroyed, socket.isPaused()]).toEqual([false, true])
  socket.push('three')
  await turn()
  expect(read).toBe('one two')
})

test('removes only the listeners that came after it', () => {
  tap.leave()
  const left = ['data', 'end', 'close', 'error'].map(event => socket.listeners(event))
  expect(left).toEqual([[], [], [ofOthers], [ofOthers]])
})

test('cannot give the connection back after the session was found here, or after too much data', async () => {
  socket.push(Buffer.alloc(64 * 1024 + 1))
  await turn()
  expect(tap.leave()).toBeUndefined()
  const other = new SocketTap(socket)
  other.forget()
  expect(other.leave()).toBeUndefined()
})

test('copies nothing once the connection stays', async () => {
  const before = socket.listenerCount('data')
  tap.forget()
  expect(socket.listenerCount('data')).toBe(before - 1)
  socket.push('one')
  await turn()
  expect(read).toBe('one')
})
