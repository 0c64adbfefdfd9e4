import { once } from 'node:events'
import { createServer, IncomingMessage, type ServerResponse } from 'node:http'
import { Agent } from 'node:https'
import { connect } from 'node:net'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { pipeBody } from '../../../src/http/bodies/pipe-body.js'
import { install } from '../../../src/http/fast/install.js'
import { inTurn, mayWait, mostBehindHeld } from '../../../src/http/listening/pipelined-requests.js'
import { makeCertificate } from '../../support/certificates.js'
import { eventually } from '../../support/eventually.js'
import { ask } from '../../support/http-answer.js'
import { HttpSocket } from '../../support/http-socket.js'
import { Listener } from '../../support/listener.js'
import { testFolder } from '../../support/test-folder.js'
import { listenInTest } from './listening-stage.js'

const { file } = testFolder()

const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n<body/>'

let listener: Listener | undefined
afterEach(() => listener?.stop())

/** The test itself sends the replies of this server. */
async function start(isFast: boolean, most?: number) {
  const replies: ServerResponse[] = []
  const server = createServer(install(isFast), (req, res) => {
    if (!mayWait(res, most)) return void req.socket.destroy()
    replies.push(res)
    pipeBody(req, res, { onData() {}, onEnd() {}, onGone() {} })
  })
  listener = await Listener.start(server)
  const client = new HttpSocket(connect(listener.port, '127.0.0.1'))
  return { replies, client, socket: client.socket, answered: () => client.unread.split('HTTP/1.1 200').length - 1 }
}

for (const isFast of [true, false]) {
  test.each([
    [undefined, 8],
    [128, 128],
  ])(`with a limit of %s, %s requests wait for earlier ones (fast: ${isFast})`, async (most, waiting) => {
    const { replies, socket } = await start(isFast, most)
    socket.write(request.repeat(20_000))
    await eventually('it is closed', () => socket.destroyed)
    expect(replies.length).toBe(1 + waiting)
  })

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

  test(`no request may follow a mebibyte of headers (fast: ${isFast})`, async () => {
    const { replies, socket } = await start(isFast, 128)
    const headers = Array.from({ length: 1_900 }, (_, index) => `${index}:`).join('\r\n')
    for (let sent = 0; sent < 100; sent++) socket.write(`GET / HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n`)
    await eventually('it is closed', () => socket.destroyed)
    expect(replies.length).toBeLessThan(20)
  })

  test(`a pipelined request starts after the reply before it (fast: ${isFast})`, async () => {
    const { replies, client, socket } = await start(isFast)
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
    await eventually('all are answered', () => client.unread.endsWith('reply 3'))
  })

  test(`a pipelined request does not start if its client has disconnected (fast: ${isFast})`, async () => {
    const { replies, socket } = await start(isFast)
    socket.write(request.repeat(2))
    await eventually('both have come', () => replies.length === 2)
    const taken = jest.fn()
    inTurn(replies[1]!, taken)
    const gone = once(replies[0]!, 'close')
    socket.destroy()
    await gone
    await new Promise(resolve => setImmediate(resolve))
    expect(taken).not.toHaveBeenCalled()
  })
}

const tiny = (count: number) => `Transfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(count)}0\r\n\r\n`

describe('behind a request that waits for its reply', () => {
  const first = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

  test('a client over TLS that waits for each reply is served, although Node still finishes the reply before', async () => {
    const { cert, key } = makeCertificate(['DNS:localhost'])
    const certificate = file('both.pem', cert + key)
    const own = new Set<string>()
    const answer = (req: IncomingMessage, res: ServerResponse) => {
      req.resume()
      // In this phase of the event loop, Node notices the end of the write one turn later.
      setImmediate(() => {
        res.end('x')
        const until = performance.now() + 2
        while (performance.now() < until);
      })
    }
    const refused: string[] = []
    const { listening } = await listenInTest(answer, { refused: limit => void refused.push(limit), certificate })
    const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
    for (let count = 0; count < 100; count++) {
      const reply = await ask(listening.urls.at(-1)!, { method: 'POST', agent }, 'body')
      own.add(`${reply.status} ${reply.text}`)
    }
    expect([refused, [...own]]).toEqual([[], ['200 x']])
    agent.destroy()
  })

  test.each([
    ['others', first],
    ['upgrades', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
  ])('of the requests above the limit, one is read, although many have arrived: %s', async (_which, more) => {
    // Node calls this for each request.
    const read = jest.spyOn(IncomingMessage.prototype as unknown as { _addHeaderLines(): void }, '_addHeaderLines')
    const taken = jest.fn()
    const refused: string[] = []
    const about = { refused: (limit: string) => void refused.push(limit), holds: true }
    const { listening, port } = await listenInTest(() => taken(), about)
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(first.repeat(mostBehindHeld + 2) + more.repeat(500))
    await eventually('it is closed', () => refused.length > 0 && listening.connections === 0)
    const all = read.mock.calls.length
    read.mockRestore()
    expect([refused, taken.mock.calls.length]).toEqual([['requests-ahead'], mostBehindHeld + 1])
    expect(all).toBeLessThanOrEqual(mostBehindHeld + 3)
  })

  test('the body of a request that is refused at once is not kept', async () => {
    const requests: IncomingMessage[] = []
    const answer = (req: IncomingMessage, res: ServerResponse) => {
      if (requests.push(req) > 1) res.writeHead(415).end()
    }
    const { port } = await listenInTest(answer, { holds: true })
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`${first}POST / HTTP/1.1\r\nHost: a\r\n${tiny(1_000)}`)
    await eventually('the body has come', () => requests[1]?.complete === true)
    await eventually('it is read', () => requests[1]!.readableLength === 0)
    socket.destroy()
  })
})
