import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { connect } from 'node:tls'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { pipeBody } from '../../../src/http/bodies/pipe-body.js'
import type { FastResponse } from '../../../src/http/fast/fast-response.js'
import { install } from '../../../src/http/fast/install.js'
import { makeCertificate } from '../../support/certificates.js'
import { eventually } from '../../support/eventually.js'
import { HttpSocket, post } from '../../support/http-socket.js'
import { Listener } from '../../support/listener.js'

type Respond = (res: ServerResponse, body: string, req: IncomingMessage) => void

const classes = install(true, undefined, '20.0.0')

const lines = 'Content-Type: text/xml\r\nCache-Control: no-store\r\n'

/** Results of `sendWhole`. */
let whole: boolean[] = []
let server: Server
let listener: Listener
let client: HttpSocket
/** The socket of the server. */
let socket: Socket

afterEach(() => {
  jest.restoreAllMocks()
  whole = []
  client.socket.destroy()
  return listener.stop()
})

const write: Respond = (res, body) => {
  const headers = ['Content-Type', 'text/xml', 'Cache-Control', 'no-store']
  res.writeHead(200, [...headers, 'Content-Length', String(Buffer.byteLength(body))])
  res.end(body)
}

const reply: Respond = (res, body, req) => {
  const isWhole = (res as FastResponse).sendWhole(lines, body, Buffer.byteLength(body))
  whole.push(isWhole)
  if (!isWhole) write(res, body, req)
}

const answering = (respond: Respond) => (req: IncomingMessage, res: ServerResponse) => {
  let body = ''
  pipeBody(req, res, {
    onData: chunk => {
      body += chunk
    },
    onEnd: () => respond(res, body, req),
    onGone: () => {},
  })
}

async function start(respond: Respond, options: ServerOptions = {}): Promise<HttpSocket> {
  server = createServer({ ...classes, keepAliveTimeout: 75_000, ...options }, answering(respond))
  listener = await Listener.start(server)
  const accepted = once(server, 'connection')
  client = new HttpSocket(listener.port)
  socket = (await accepted)[0]
  return client
}

describe('the head of a reply in one piece', () => {
  const sorted = (head: string) =>
    head
      .replace(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/m, 'Date: now\r\n')
      .split('\r\n')
      .sort()

  const http10 = 'POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab'

  test.each([
    ['', post('<body/>'), {} as ServerOptions],
    ['with characters outside ASCII', post('<body>é€\u{1f600}</body>'), {}],
    ['over HTTP/1.0', http10, {}],
    ['with another keep-alive timeout', post('<body/>'), { keepAliveTimeout: 5000 }],
    ['without a keep-alive timeout', post('<body/>'), { keepAliveTimeout: 0 }],
  ])('is the same as Node.js’s except for the order of its lines %s', async (_what, request, options) => {
    let count = 0
    await start((res, body, req) => {
      count += 1
      const respond = count === 1 ? reply : write
      respond(res, body, req)
    }, options)
    const [ours, nodes] = [await client.send(request).reply(), await client.send(request).reply()]
    expect(sorted(ours.head)).toEqual(sorted(nodes.head))
    expect(ours.head).toContain('Date: ')
    expect(ours.body).toBe(nodes.body)
    expect(whole).toEqual([options.keepAliveTimeout !== 0])
  })

  test('announces the last request of a connection', async () => {
    await start(reply)
    server.maxRequestsPerSocket = 2
    expect((await client.send(post('one')).reply()).head).toContain('max=2')
    expect((await client.send(post('two')).reply()).head).toContain('Connection: close')
  })

  test('has the current time', async () => {
    await start(reply)
    const now = jest.spyOn(Date, 'now')
    for (const [time, date] of [
      [784111777_000, 'Sun, 06 Nov 1994 08:49:37 GMT'],
      [784111777_999, 'Sun, 06 Nov 1994 08:49:37 GMT'],
      [784111778_000, 'Sun, 06 Nov 1994 08:49:38 GMT'],
      // The clock is set back.
      [784111777_000, 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ] as const) {
      now.mockReturnValue(time)
      expect((await client.send(post('x')).reply()).head).toContain(`\r\nDate: ${date}\r\n`)
    }
    expect(whole).toEqual([true, true, true, true])
  })
})

describe('Node.js itself writes a reply', () => {
  test.each([
    ['on a connection that will close', 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'],
    ['over HTTP/1.0', 'POST / HTTP/1.0\r\n'],
  ])('%s', async (_where, head) => {
    await start(reply)
    const text = await client.send(`${head}Content-Length: 2\r\n\r\nab`).rest()
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(text).toContain('\r\nConnection: close\r\n')
    expect(text).toMatch(/\r\n\r\nab$/)
    expect(whole).toEqual([false])
  })

  test.each<[string, Respond]>([
    ['that has headers already', res => res.setHeader('X-Seen', 'yes')],
    ['whose head was sent', res => res.flushHeaders()],
    ['whose body has begun', res => res.write('')],
    ['with another status', res => Object.assign(res, { statusCode: 404 })],
  ])('%s', async (_which, prepare) => {
    let isWhole: boolean | undefined
    await start((res, body, req) => {
      prepare(res, body, req)
      isWhole = (res as FastResponse).sendWhole(lines, body, body.length)
      res.end(body)
    })
    expect((await client.send(post('ab')).reply()).head).toMatch(/^HTTP\/1\.1 (200 OK|404 Not Found)\r\n/)
    expect(isWhole).toBe(false)
  })

  test('over TLS', async () => {
    const options = { ...classes, ...makeCertificate(['DNS:localhost']) }
    listener = await Listener.start(createTlsServer(options, answering(reply)))
    client = new HttpSocket(connect({ port: listener.port, host: '127.0.0.1', rejectUnauthorized: false }))
    for (const body of ['one', 'zwei ü']) expect((await client.send(post(body)).reply()).body).toBe(body)
    expect(whole).toEqual([false, false])
  })

  test('that must wait for an earlier reply', async () => {
    const held: (() => void)[] = []
    await start((res, body, req) => held.push(() => reply(res, body, req)))
    client.send(post('one') + post('two') + post('three'))
    await eventually('all have come', () => held.length === 3)
    for (const number of [1, 0, 2]) held[number]!()
    for (const expected of ['one', 'two', 'three']) expect((await client.reply()).body).toBe(expected)
    // The second reply waited for the first, the third for the second.
    expect(whole).toEqual([false, true, false])
    client.send(post('four') + post('five'))
    await eventually('both have come', () => held.length === 5)
    for (const number of [3, 4]) held[number]!()
    for (const expected of ['four', 'five']) expect((await client.reply()).body).toBe(expected)
    expect(whole.slice(3)).toEqual([true, true])
  })

  test('to a client that has half-closed its connection', async () => {
    let leave = () => {}
    await start((res, body, req) => {
      leave = () => reply(res, body, req)
    })
    client.send(post('ab')).socket.end()
    expect(await client.rest()).toBe('')
    await eventually('the connection is closed', () => socket.destroyed)
    leave()
    expect(whole).toEqual([false])
  })
})

describe('a response after `sendWhole`', () => {
  const facts = (res: ServerResponse) => {
    const { headersSent, finished, writableEnded, writableFinished, statusCode, statusMessage } = res
    return { headersSent, finished, writableEnded, writableFinished, statusCode, statusMessage }
  }

  test.each<[string, Respond]>([
    ['at once', () => {}],
    ['after it is closed', res => void once(res, 'close').then(() => whole.push(res.closed && res.destroyed))],
  ])('has the same properties as a response of Node, %s', async (when, look) => {
    const found: object[] = []
    await start((res, body, req) => {
      look(res, body, req)
      const respond = found.length === 0 ? reply : write
      if (when !== 'at once') res.once('close', () => found.push(facts(res)))
      respond(res, body, req)
      if (when === 'at once') found.push({ ...facts(res), writableFinished: undefined })
    })
    for (const body of ['ours', 'theirs']) await client.send(post(body)).reply()
    await eventually('both are over', () => found.length === 2)
    expect(found[0]).toEqual(found[1])
    expect(found[0]).toMatchObject({ headersSent: true, finished: true, writableEnded: true, statusCode: 200 })
    expect(whole).not.toContain(false)
  })

  test('accepts no more headers or data', async () => {
    const errors: unknown[] = []
    await start((res, body, req) => {
      reply(res, body, req)
      for (const late of [() => res.writeHead(500), () => res.setHeader('X-Late', 'yes')])
        expect(late).toThrow(expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }))
      res.flushHeaders()
      res.write('late', error => errors.push((error as NodeJS.ErrnoException | undefined)?.code))
      res.end('late')
    })
    for (const body of ['one', 'two']) expect((await client.send(post(body)).reply()).body).toBe(body)
    expect(errors).toEqual(['ERR_STREAM_WRITE_AFTER_END', 'ERR_STREAM_WRITE_AFTER_END'])
    expect(whole).toEqual([true, true])
  })
})

describe('a connection after `sendWhole`', () => {
  test('has Node’s keep-alive timeout, but not during the next request', async () => {
    let held: ServerResponse | undefined
    await start((res, body, req) => {
      if (body === 'held') held = res
      else reply(res, body, req)
    })
    await client.send(post('x')).reply()
    // Node adds a second.
    expect(socket.timeout).toBe(76_000)
    client.send(post('held'))
    await eventually('it is held', () => held !== undefined)
    expect(socket.timeout).toBe(0)
  })

  test('has Node’s timeouts for the next request', async () => {
    const times = { headersTimeout: 300, requestTimeout: 300, connectionsCheckingInterval: 10 }
    await start(reply, times)
    await client.send(post('x')).reply()
    expect(await client.send('POST / HTTP/1.1\r\nHost: a\r\n').rest()).toMatch(/^HTTP\/1\.1 408 /)
    expect(whole).toEqual([true])
  })

  test('is idle after the reply, and not before', async () => {
    let leave: (() => void) | undefined
    await start((res, body, req) => {
      leave = () => reply(res, body, req)
    })
    client.send(post('x'))
    await eventually('it is held', () => leave !== undefined)
    server.close()
    server.closeIdleConnections()
    leave!()
    expect((await client.reply()).body).toBe('x')
    server.closeIdleConnections()
    expect(await client.rest()).toBe('')
    expect(whole).toEqual([true])
  })

  test('keeps no listeners after hundreds of replies', async () => {
    const warned: Error[] = []
    const note = (warning: Error) => warned.push(warning)
    process.on('warning', note)
    const closed = jest.fn()
    await start((res, body, req) => {
      res.on('close', closed)
      reply(res, body, req)
    })
    const listeners = () => socket.eventNames().map(name => [name, socket.listenerCount(name)])
    await client.send(post('first')).reply()
    const before = listeners()
    for (let number = 0; number < 300; number++)
      expect((await client.send(post(`é${number}`)).reply()).body).toBe(`é${number}`)
    expect(listeners()).toEqual(before)
    expect(whole.every(Boolean)).toBe(true)
    await eventually('all are closed', () => closed.mock.calls.length === 301)
    process.off('warning', note)
    expect(warned).toEqual([])
  })
})

describe('a reply larger than the buffers of the connection', () => {
  // Larger than the buffers of any system.
  const large = 'é'.repeat(8 * 1024 * 1024)

  async function stalled(): Promise<string[]> {
    const events: string[] = []
    await start((res, body, req) => {
      for (const event of ['finish', 'close', 'error']) res.on(event, () => events.push(event))
      reply(res, body === 'large' ? large : body, req)
    })
    client.socket.pause()
    client.send(post('large'))
    await eventually('it has been written', () => whole.length === 1)
    expect(socket.writableLength).toBeGreaterThan(0)
    expect(events).toEqual([])
    return events
  }

  test('finishes when all of it is sent', async () => {
    const events = await stalled()
    client.send(post('next'))
    client.socket.resume()
    const { body } = await client.reply()
    expect(body === large).toBe(true)
    expect((await client.reply()).body).toBe('next')
    expect(events.slice(0, 2)).toEqual(['finish', 'close'])
    expect(socket.writableLength).toBe(0)
    expect(whole[0]).toBe(true)
  })

  test('arrives in full at a client that half-closes meanwhile', async () => {
    await stalled()
    const ended = once(socket, 'end')
    client.socket.end()
    await ended
    client.socket.resume()
    expect((await client.reply()).body === large).toBe(true)
    expect(await client.rest()).toBe('')
  })

  test('does not finish if the client resets the connection', async () => {
    const events = await stalled()
    client.socket.resetAndDestroy()
    await eventually('it is noticed', () => events.length > 0)
    expect(events).toEqual(['close'])
    expect(socket.destroyed).toBe(true)
  })
})
