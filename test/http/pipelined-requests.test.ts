import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { install } from '../../src/http/fast/install.js'
import { mayWait } from '../../src/http/pipelined-requests.js'
import { takeBody } from '../../src/http/take-body.js'
import { eventually } from '../support/eventually.js'

const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n<body/>'

let server: Server
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

/** A server that answers when it is told to, and a client of it. */
async function start(isFast: boolean) {
  const replies: ServerResponse[] = []
  server = createServer(install(isFast), (req, res) => {
    if (!mayWait(res)) return
    replies.push(res)
    takeBody(req, res, { onData() {}, onEnd() {}, onGone() {} })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  let read = ''
  socket.on('error', () => {})
  socket.on('data', chunk => {
    read += chunk
  })
  return { replies, socket, answered: () => read.split('HTTP/1.1 200').length - 1 }
}

for (const isFast of [true, false]) {
  test(`requests that wait for others of their connection are not too many (fast: ${isFast})`, async () => {
    const { replies, socket } = await start(isFast)
    socket.write(request.repeat(20_000))
    await eventually('it is closed', () => socket.destroyed)
    expect(replies.length).toBe(129)
  })

  test(`any number may come that are answered one by one (fast: ${isFast})`, async () => {
    const { replies, socket, answered } = await start(isFast)
    for (let round = 1; round <= 10; round++) {
      socket.write(request.repeat(100))
      await eventually('all have come', () => replies.length === 100)
      for (const reply of replies.splice(0)) reply.end()
      await eventually('all are answered', () => answered() === 100 * round)
    }
  })
}
