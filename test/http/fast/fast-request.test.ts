import { createServer, type IncomingMessage } from 'node:http'
import { afterEach, expect, test } from '@jest/globals'
import { pipeBody } from '../../../src/http/bodies/pipe-body.js'
import { FastRequest } from '../../../src/http/fast/fast-request.js'
import { isCollected } from '../../support/collected.js'
import { eventually } from '../../support/eventually.js'
import { HttpSocket, post } from '../../support/http-socket.js'
import { Listener } from '../../support/listener.js'

let listener: Listener
let client: HttpSocket

afterEach(() => listener.stop())

async function start(look: (req: IncomingMessage) => void): Promise<void> {
  const server = createServer({ IncomingMessage: FastRequest }, (req, res) => {
    look(req)
    let body = ''
    pipeBody(req, res, {
      onData: chunk => {
        body += chunk
      },
      onEnd: () => res.end(body),
      onGone: () => {},
    })
  })
  listener = await Listener.start(server)
  client = new HttpSocket(listener.port)
}

test('a body is read from the parser without a stream', async () => {
  const requests: IncomingMessage[] = []
  await start(req => requests.push(req))
  expect((await client.send(post('<body/>')).reply()).body).toBe('<body/>')
  expect(requests[0]).toMatchObject({ readableFlowing: null, readableEnded: true, complete: true })
})

test('an idle connection keeps no reference to its last request', async () => {
  const requests: WeakRef<object>[] = []
  await start(req => requests.push(new WeakRef(req)))
  await client.send(post('x'.repeat(1000))).reply()
  expect(await isCollected(requests[0]!)).toBe(true)
})

test('a body that nobody reads yet is kept in few buffers, however small its chunks are', async () => {
  const requests: IncomingMessage[] = []
  listener = await Listener.start(
    createServer({ IncomingMessage: FastRequest }, (req, res) => {
      requests.push(req)
      req.once('close', () => res.end())
    }),
  )
  const count = 4_000
  const chunks = Array.from({ length: count }, (_, index) => `1\r\n${index % 10}\r\n`).join('')
  client = new HttpSocket(listener.port)
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`)
  await eventually('the body is whole', () => requests[0]?.readableLength === count)
  const pieces: Buffer[] = []
  requests[0]!.on('data', (piece: Buffer) => void pieces.push(piece))
  await eventually('it ends', () => requests[0]!.readableEnded)
  expect(Buffer.concat(pieces).toString()).toBe('0123456789'.repeat(count / 10))
  expect(pieces.length).toBeLessThan(1_000)
})
