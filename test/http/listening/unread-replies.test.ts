import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { install } from '../../../src/http/fast/install.js'
import { bytesUnderWay } from '../../../src/http/fast/reply-under-way.js'
import { mayWait } from '../../../src/http/listening/pipelined-requests.js'
import { UnreadReplies } from '../../../src/http/listening/unread-replies.js'
import { Counts } from '../../../src/lib/counts.js'
import { MinuteSums } from '../../../src/lib/limits/minute-sums.js'
import { createRefusals } from '../../../src/lib/limits/reached-limits.js'
import { createLog } from '../../../src/lib/log.js'
import { eventually, steady } from '../../support/eventually.js'
import { FakeClock } from '../../support/fake-clock.js'
import { Listener } from '../../support/listener.js'

const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const largerThanBuffers = Buffer.alloc(64 * 2 ** 20, 'x')

let clock: FakeClock
let counts: Counts
let listener: Listener
let unread: UnreadReplies
let answer: RequestListener
const clients: Socket[] = []

beforeEach(() => {
  clock = new FakeClock()
  counts = new Counts()
  answer = (_req, res) => res.end(largerThanBuffers)
})

afterEach(() => {
  unread.stop()
  for (const client of clients.splice(0)) client.destroy()
  return listener.stop()
})

async function start({ isFast = true, unreadMegabytes = 0 } = {}): Promise<void> {
  const server = createServer(install(isFast), (req, res) => {
    mayWait(res)
    answer(req, res)
  })
  listener = await Listener.start(server)
  const log = createLog('info', { write() {} })
  const refused = createRefusals(counts, new MinuteSums(clock), log)
  unread = new UnreadReplies({ limits: { unreadMegabytes }, connections: () => listener.sockets, clock, refused })
}

/** Sends a request, and reads nothing. Returns both ends of the connection. */
async function visit(requests = request) {
  const client = connect(listener.port, '127.0.0.1').pause()
  clients.push(client)
  client.on('error', () => {}).write(requests)
  const [socket] = (await once(listener.server, 'connection')) as [Socket]
  return { client, socket }
}

/** As `visit`, but waits until the system's buffers are full. */
async function visitAndWait() {
  const ends = await visit()
  await steady('what has not left', () => bytesUnderWay(ends.socket))
  return ends
}

for (const isFast of [true, false])
  describe(`a client that waits for a reply (fast: ${isFast})`, () => {
    test('is closed after it has read nothing for a minute', async () => {
      await start({ isFast })
      const { socket } = await visitAndWait()
      clock.advance(60_000)
      expect(socket.destroyed).toBe(false)
      clock.advance(10_000)
      expect(socket.destroyed).toBe(true)
      expect(counts.refused).toMatchObject({ 'unread-reply': 1 })
    })

    test('may take any time while it reads', async () => {
      await start({ isFast })
      const { client, socket } = await visitAndWait()
      for (let minute = 0; minute < 5; minute++) {
        const before = bytesUnderWay(socket)
        client.resume()
        await eventually('more has left', () => bytesUnderWay(socket) < before)
        client.pause()
        clock.advance(50_000)
        expect(socket.destroyed).toBe(false)
      }
      clock.advance(70_000)
      expect(socket.destroyed).toBe(true)
    })

    test('may wait any time for its reply', async () => {
      const held: ServerResponse[] = []
      answer = (_req, res) => {
        // The second reply waits for the first.
        if (held.push(res) === 2) res.end('second')
      }
      await start({ isFast })
      const { client, socket } = await visit(request + request)
      await eventually('both have come', () => held.length === 2)
      expect(unread.bytes).toBeGreaterThan(0)
      clock.advance(600_000)
      expect(socket.destroyed).toBe(false)
      const read: Buffer[] = []
      client.on('data', chunk => read.push(chunk)).resume()
      held[0]!.end('first')
      await eventually('both are answered', () => read.join('').endsWith('second') && unread.bytes === 0)
    })
  })

test('a client that only sends and does not read its reply is closed as well', async () => {
  await start()
  const { client, socket } = await visitAndWait()
  for (let second = 0; second < 70; second += 5) {
    client.write('GET')
    clock.advance(5_000)
  }
  expect(socket.destroyed).toBe(true)
})

test('above the common limit, clients that read nothing for ten seconds are closed, the largest backlog first', async () => {
  let mebibytes = 0
  answer = (_req, res) => res.end(largerThanBuffers.subarray(0, mebibytes * 2 ** 20))
  await start({ unreadMegabytes: 80 })
  const visitFor = async (size: number) => {
    mebibytes = size
    return (await visitAndWait()).socket
  }
  const [small, largest, other] = [await visitFor(24), await visitFor(64), await visitFor(32)]
  expect(unread.bytes).toBeGreaterThan(80 * 2 ** 20)
  clock.advance(10_000)
  expect(largest.destroyed).toBe(false)
  clock.advance(5_000)
  expect([small.destroyed, largest.destroyed, other.destroyed]).toEqual([false, true, false])
  expect(counts.refused).toMatchObject({ unread: 1, 'unread-reply': 0 })
  await eventually('less waits', () => unread.bytes < 80 * 2 ** 20)
})
