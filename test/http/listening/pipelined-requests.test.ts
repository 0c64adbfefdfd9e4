import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { pipeBody } from '../../../src/http/bodies/pipe-body.js'
import { install } from '../../../src/http/fast/install.js'
import { inTurn, mayWait } from '../../../src/http/listening/pipelined-requests.js'
import { eventually } from '../../support/eventually.js'
import { Listener } from '../../support/listener.js'

const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n<body/>'

let listener: Listener
afterEach(() => listener.stop())

/** The test itself sends the replies of this server. */
async function start(isFast: boolean, most?: number) {
  const replies: ServerResponse[] = []
  const server = createServer(install(isFast), (req, res) => {
    if (!mayWait(res, most)) {
      req.socket.destroy()
      return
    }
    replies.push(res)
    pipeBody(req, res, { onData() {}, onEnd() {}, onGone() {} })
  })
  listener = await Listener.start(server)
  const socket = connect(listener.port, '127.0.0.1')
  await once(socket, 'connect')
  let read = ''
  socket.on('error', () => {})
  socket.on('data', chunk => {
    read += chunk
  })
  return { replies, socket, answered: () => read.split('HTTP/1.1 200').length - 1, read: () => read }
}

for (const isFast of [true, false]) {
  test.each([
    [undefined, 8],
    [128, 128],
  ])(
    `with a limit of %s, %s requests wait for earlier requests of their connection (fast: ${isFast})`,
    async (most, waiting) => {
      const { replies, socket } = await start(isFast, most)
      socket.write(request.repeat(20_000))
      await eventually('it is closed', () => socket.destroyed)
      expect(replies.length).toBe(1 + waiting)
    },
  )

  test(`any number of requests may be pipelined if each is answered at once (fast: ${isFast})`, async () => {
    const { replies, socket, answered } = await start(isFast, 128)
    for (let round = 1; round <= 10; round++) {
      socket.write(request.repeat(100))
      await eventually('all have come', () => replies.length === 100)
      for (const reply of replies.splice(0)) reply.end()
      await eventually('all are answered', () => answered() === 100 * round)
    }
  })

  test(`no request may follow a mebibyte of waiting replies (fast: ${isFast})`, async () => {
    const { replies, socket } = await start(isFast, 128)
    socket.write(request.repeat(3))
    await eventually('all have come', () => replies.length === 3)
    for (const reply of replies.slice(1)) reply.end('x'.repeat(600_000))
    socket.write(request)
    await eventually('it is closed', () => socket.destroyed)
    expect(replies.length).toBe(3)
  })

  test(`a pipelined request starts after the reply before it (fast: ${isFast})`, async () => {
    const { replies, socket, read } = await start(isFast)
    socket.write(request.repeat(3))
    await eventually('all have come', () => replies.length === 3)
    const taken: number[] = []
    replies.forEach((reply, index) => {
      inTurn(reply, () => void taken.push(index))
    })
    for (const expected of [[0], [0, 1], [0, 1, 2]]) {
      await eventually('it is its turn', () => taken.length === expected.length)
      expect(taken).toEqual(expected)
      replies[expected.length - 1]!.end(`reply ${expected.length}`)
    }
    await eventually('all are answered', () => read().endsWith('reply 3'))
  })

  test(`a pipelined request does not start if its client has disconnected (fast: ${isFast})`, async () => {
    const { replies, socket } = await start(isFast)
    socket.write(request.repeat(2))
    await eventually('both have come', () => replies.length === 2)
    let isTaken = false
    inTurn(replies[1]!, () => {
      isTaken = true
    })
    const gone = once(replies[0]!, 'close')
    socket.destroy()
    await gone
    await new Promise(resolve => setImmediate(resolve))
    expect(isTaken).toBe(false)
  })
}
