import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { beforeEach, expect, test } from '@jest/globals'
import { TappedSocket } from '../../../src/browsers/websocket/tapped-socket.js'

let written: string
let isEnded: boolean
let socket: Duplex
let tapped: TappedSocket
let read: string

beforeEach(() => {
  written = ''
  read = ''
  isEnded = false
  socket = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      written += chunk
      done()
    },
    final(done) {
      isEnded = true
      done()
    },
  })
  tapped = new TappedSocket(socket, Buffer.from('head '))
  tapped.on('data', (chunk: Buffer) => {
    read += chunk
    // As `ws` does it.
    chunk.fill(0)
  })
})

const turn = () => new Promise(setImmediate)

test('passes data in both directions, and the ends', async () => {
  socket.push('one')
  tapped.write('two')
  await turn()
  expect([read, written]).toEqual(['head one', 'two'])
  socket.push(null)
  await once(tapped, 'end')
  tapped.destroySoon()
  await once(socket, 'close')
  expect(isEnded).toBe(true)
})

test('gives the connection back with all that was read, unchanged, and leaves it open', async () => {
  socket.push('one ')
  socket.push('two')
  await turn()
  const left = tapped.leave()!
  await once(tapped, 'close')
  expect(left.socket).toBe(socket)
  expect(String(left.read)).toBe('head one two')
  expect([socket.destroyed, socket.isPaused()]).toEqual([false, true])
  socket.push('three')
  await turn()
  expect(read).toBe('head one two')
  expect(socket.listenerCount('data') + socket.listenerCount('close') + socket.listenerCount('end')).toBe(0)
})

test('has written all replies when it gives the connection back', () => {
  tapped.write('one ')
  tapped.write('two ')
  tapped.cork()
  tapped.write('three ')
  tapped.write('four')
  tapped.leave()
  expect(written).toBe('one two three four')
})

test('waits for a client that reads slowly, once the connection stays', async () => {
  let read = () => {}
  const slow = new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      read = done
    },
  })
  const staying = new TappedSocket(slow, Buffer.alloc(0))
  staying.forget()
  staying.write('one')
  await turn()
  expect(staying.writableLength).toBe(3)
  read()
  await turn()
  expect(staying.writableLength).toBe(0)
})

test('cannot give the connection back after the session was found here, or after too much data', async () => {
  socket.push(Buffer.alloc(64 * 1024))
  await turn()
  expect(tapped.leave()).toBeUndefined()
  const other = new TappedSocket(socket, Buffer.alloc(0))
  other.forget()
  expect(other.leave()).toBeUndefined()
})

test('closes with its connection, and the other way round', async () => {
  socket.destroy()
  await once(tapped, 'close')
  const second = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  new TappedSocket(second, Buffer.alloc(0)).destroy()
  expect(second.destroyed).toBe(true)
})
