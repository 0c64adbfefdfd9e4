import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { notePipelined } from '../../src/http/pipelined-requests.js'
import { eventually } from '../support/eventually.js'

const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'
/** How many of these Node reads at a time. */
const ofOneRead = Math.ceil((64 * 1024) / request.length)

let server: Server
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

async function start() {
  const replies: ServerResponse[] = []
  server = createServer((_req, res) => {
    notePipelined(res)
    replies.push(res)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  let read = ''
  socket.on('data', chunk => {
    read += chunk
  })
  return { replies, socket, answered: () => read.split('HTTP/1.1 200').length - 1 }
}

test('requests that wait for others of their connection are read no further, and later all of them', async () => {
  const { replies, socket, answered } = await start()
  const all = 20_000
  socket.write(request.repeat(all))
  await eventually('some have come', () => replies.length > 0)
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
  expect(replies.length).toBeLessThanOrEqual(2 * ofOneRead)
  for (let done = 0; done < all; ) {
    while (done < replies.length) replies[done++]!.end()
    await new Promise(setImmediate)
  }
  await eventually('all are answered', () => answered() === all)
})

test('a few may wait, as browsers never and BOSH clients seldom do', async () => {
  const { replies, socket, answered } = await start()
  socket.write(request.repeat(8))
  await eventually('all have come', () => replies.length === 8)
  socket.write(request)
  await eventually('another one has come', () => replies.length === 9)
  for (const reply of replies) reply.end()
  await eventually('all are answered', () => answered() === 9)
})
