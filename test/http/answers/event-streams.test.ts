import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { EventStreams, wantsEvents } from '../../../src/http/answers/event-streams.js'
import { Problem } from '../../../src/lib/errors.js'
import { eventually } from '../../support/eventually.js'
import { FakeClock } from '../../support/fake-clock.js'

let clock: FakeClock
let streams: EventStreams
let server: Server
let render: () => Promise<string>
const reported: unknown[] = []
const refused: string[] = []
const open: IncomingMessage[] = []

beforeEach(async () => {
  clock = new FakeClock()
  reported.length = 0
  refused.length = 0
  streams = new EventStreams({
    externalUrl: 'https://web.example',
    clock,
    refused: limit => void refused.push(limit),
    report: error => reported.push(error),
  })
  server = createServer((req, res) => {
    if (!wantsEvents(req)) res.end('no events')
    else
      streams
        .open(res, req.url!, () => render())
        .catch(error => {
          res.statusCode = error.status
          res.end()
        })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
})

afterEach(async () => {
  for (const answer of open.splice(0)) answer.destroy()
  server.closeAllConnections()
  await once(server.close(), 'close')
})

async function subscribe(path = '/', method = 'GET', sent = {}) {
  const { port } = server.address() as AddressInfo
  const headers = { Accept: 'text/event-stream', ...sent }
  const request = get({ port, path, method, headers, agent: false, host: '127.0.0.1' })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  open.push(answer)
  let text = ''
  answer.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  const ended = once(answer, 'end')
  return {
    answer,
    ended,
    /** Resolves when the new text ends like this. */
    async got(end: string): Promise<string> {
      while (!text.endsWith(end)) await once(answer, 'data')
      const all = text
      text = ''
      return all
    },
  }
}

test('a page is sent at once, and again after five seconds if it has changed', async () => {
  let times = 0
  render = async () => `<p>\n${++times}</p>`
  const { answer, got } = await subscribe()
  expect(answer.headers).toMatchObject({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
  expect(await got('1</p>\n\n')).toBe('retry: 5000\ndata: <p>\ndata: 1</p>\n\n')
  clock.advance(4_999)
  clock.advance(1)
  expect(await got('\n\n')).toBe('data: <p>\ndata: 2</p>\n\n')
})

test('an unchanged page is sent once, with a heartbeat every 25 seconds', async () => {
  render = async () => 'same'
  const { got } = await subscribe()
  expect(await got('\n\n')).toContain('data: same\n\n')
  for (let time = 0; time < 5; time++) {
    clock.advance(5_000)
    await new Promise(setImmediate)
  }
  expect(await got('\n\n')).toBe('event: alive\ndata:\n\n')
})

test('a carriage return in a page cannot begin a field of an event', async () => {
  render = async () => 'a\rdata: b\r\nevent: c'
  const { got } = await subscribe()
  expect(await got('\n\n')).toContain('\ndata: a\ndata: data: b\ndata: event: c\n\n')
})

test('without a reader there is no timer', async () => {
  render = async () => 'text'
  expect(clock.pending).toBe(0)
  const { answer, got } = await subscribe()
  await got('\n\n')
  expect([clock.pending, streams.size]).toEqual([1, 1])
  answer.destroy()
  while (streams.size > 0) await new Promise(setImmediate)
  expect(clock.pending).toBe(0)
})

test('a stream ends after ten minutes, and at a stop', async () => {
  render = async () => 'text'
  const one = await subscribe()
  await one.got('\n\n')
  for (let second = 0; second <= 600; second += 5) {
    clock.advance(5_000)
    await new Promise(setImmediate)
  }
  await one.ended
  const two = await subscribe()
  await two.got('\n\n')
  streams.shutDown()
  await two.ended
  // The browser connects again, gets the page, and then can reach another process.
  const three = await subscribe()
  await three.got('\n\n')
  await three.ended
  expect([streams.size, clock.pending]).toEqual([0, 0])
})

test('a stream ends if the admins change, and the browser may reconnect', async () => {
  render = async () => 'text'
  const one = await subscribe()
  await one.got('\n\n')
  streams.endAll()
  await one.ended
  const two = await subscribe()
  await two.got('\n\n')
  expect(streams.size).toBe(1)
})

test('a page that cannot be rendered is an error at first, and later ends the stream', async () => {
  render = () => Promise.reject(new Problem('forbidden'))
  expect((await subscribe()).answer.statusCode).toBe(403)
  render = async () => 'text'
  const { ended, got } = await subscribe()
  await got('\n\n')
  render = () => Promise.reject(new Problem('session-unreachable'))
  clock.advance(5_000)
  await new Promise(setImmediate)
  expect(streams.size).toBe(1)
  const fault = new Error('fault')
  render = () => Promise.reject(fault)
  clock.advance(5_000)
  await ended
  expect(reported).toEqual([fault])
})

test('there are at most 16 streams for an admin, and 64 in all', async () => {
  render = async () => 'text'
  const statuses: number[] = []
  for (let number = 0; number < 17; number++) statuses.push((await subscribe('/one')).answer.statusCode!)
  expect(statuses).toEqual([...new Array(16).fill(200), 429])
  for (let number = 0; number < 48; number++) await subscribe(`/${number % 4}`)
  expect((await subscribe('/another')).answer.statusCode).toBe(429)
  expect(streams.size).toBe(64)
  expect(refused).toEqual(['live-pages', 'live-pages'])
})

test('HEAD gets the headers alone', async () => {
  render = async () => 'text'
  const { answer, ended } = await subscribe('/', 'HEAD')
  answer.resume()
  await ended
  expect([answer.headers['content-type'], streams.size]).toEqual(['text/event-stream', 0])
})

test('other requests are answered between two pages', async () => {
  render = async () => 'text'
  const answers = await Promise.all([subscribe(), subscribe(), subscribe()])
  for (const { got } of answers) await got('\n\n')
  let rendered = 0
  render = async () => String(++rendered)
  clock.advance(5_000)
  expect(rendered).toBe(1)
  for (const { got } of answers) await got('\n\n')
  expect(rendered).toBe(3)
})

test('pages of other sites open no stream', async () => {
  render = async () => 'text'
  // A page can send this `Accept` by `fetch` with `no-cors`.
  expect((await subscribe('/', 'GET', { 'Sec-Fetch-Site': 'cross-site' })).answer.statusCode).toBe(403)
  expect((await subscribe('/', 'GET', { Origin: 'https://evil.example' })).answer.statusCode).toBe(403)
  expect(streams.size).toBe(0)
  const own = { 'Sec-Fetch-Site': 'same-origin', Origin: 'https://web.example' }
  expect((await subscribe('/', 'GET', own)).answer.statusCode).toBe(200)
})

test('pipelined streams end with their connection', async () => {
  render = async () => 'text'
  const { port } = server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n'.repeat(3))
  await eventually('the streams', () => streams.size === 3)
  socket.destroy()
  await eventually('no stream', () => streams.size === 0)
  expect(clock.pending).toBe(0)
})

test('a stream whose client has disconnected is not counted', async () => {
  render = async () => 'text'
  const late = createServer(async (_request, response) => {
    response.socket!.destroy()
    await once(response, 'close')
    await streams.open(response, 'admin', render)
    late.emit('opened')
  })
  await once(late.listen(0, '127.0.0.1'), 'listening')
  const { port } = late.address() as AddressInfo
  const opened = once(late, 'opened')
  get({ port, host: '127.0.0.1', agent: false }).on('error', () => {})
  await opened
  expect(streams.size).toBe(0)
  late.close()
})
