import { EventEmitter } from 'node:events'
import type { Server } from 'node:http'
import { connect as connectTls } from 'node:tls'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { refuseUnreadable } from '../../../src/http/listening/unreadable-requests.js'
import { HttpSocket } from '../../support/http-socket.js'
import { listenInTest } from './listening-stage.js'

let port: number
let reasons: string[]
let answers: ((body: string) => void)[]

beforeEach(async () => {
  reasons = []
  answers = []
  const answer = (_req: unknown, res: { end(body: string): void }) => void answers.push(body => res.end(body))
  port = (await listenInTest(answer, { note: (_request, reason) => void reasons.push(reason) })).port
})

const client = () => new HttpSocket(port)

describe('CONNECT, as a client sends it to a proxy', () => {
  const request = 'CONNECT chat.example:443 HTTP/1.1\r\nHost: chat.example:443\r\n\r\n'

  test('is answered and noted', async () => {
    const { head, body } = await client().send(request).reply()
    expect(head).toMatch(/^HTTP\/1\.1 501 Not Implemented\r\nConnection: close\r\n/)
    expect(body).toBe('This service is no proxy, so it has no CONNECT.\n')
    expect(reasons).toEqual(['connect'])
  })

  test('is answered after earlier requests', async () => {
    const pipelining = client().send(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${request}`)
    const first = pipelining.reply()
    while (answers.length === 0) await new Promise(setImmediate)
    answers[0]!('first')
    expect((await first).body).toBe('first')
    expect((await pipelining.reply()).head).toMatch(/^HTTP\/1\.1 501 /)
  })
})

test.each([
  ['headers', 'POST /warm HTTP/1.1\r\nHost: a\r\n'],
  ['body', 'POST /warm HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx'],
])('a request that ends in its %s is incomplete, not unreadable', async (_where, request) => {
  const leaving = client().send(request)
  leaving.socket.end()
  expect((await leaving.reply()).body).toBe('The request ended too early.\n')
  expect(reasons).toEqual(['incomplete'])
})

test.each([
  ['one byte', 1, 5_000, ['tiny-chunks']],
  ['thirty-two bytes', 32, 5_000, []],
  ['one byte, but few', 1, 4_000, []],
])('a body in many chunks of %s: noted and cut only if they are tiny', async (_length, length, count, noted) => {
  const chunks = `${length.toString(16)}\r\n${'x'.repeat(length)}\r\n`.repeat(count)
  const start = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
  const { socket } = client().send(`${start}${chunks}0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n`)
  socket.on('error', () => {}).resume()
  const gone = new Promise(resolve => socket.once('end', resolve).once('close', resolve))
  const answered = async (count: number) => {
    while (answers.length < count) await new Promise(setImmediate)
    answers[count - 1]!('')
  }
  if (noted.length > 0) await gone
  else for (const count of [1, 2]) await answered(count)
  expect(reasons).toEqual(noted)
  socket.destroy()
})

test('TLS to a port without it is named', async () => {
  const handshake = connectTls({ host: '127.0.0.1', port })
  handshake.on('error', () => {})
  await new Promise(closed => handshake.once('close', closed))
  expect(reasons).toEqual(['https-to-http-port'])
})

test.each([
  ['began', 11, ['tls-handshake']],
  ['never began', 0, []],
])('a TLS handshake that %s and takes too long', (_what, bytesRead, noted) => {
  const server = new EventEmitter()
  const told: string[] = []
  refuseUnreadable(server as Server, (_request, reason) => void told.push(reason))
  const socket = { bytesRead, destroy() {} }
  server.emit('clientError', { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' }, socket)
  expect(told).toEqual(noted)
})
