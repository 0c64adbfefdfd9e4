import { once } from 'node:events'
import { Agent, type IncomingMessage, type RequestListener, request, type ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from '@jest/globals'
import { readNetworks } from '../../src/config/kinds/networks.js'
import { forwardRequest } from '../../src/forwarding/forward-request.js'
import type { PeerLink } from '../../src/forwarding/peer-links.js'
import { isForwardedByPeer, noteOf, refuseForwarded } from '../../src/forwarding/peer-listener.js'
import { clientAddress, isEncrypted } from '../../src/http/access/client-rules.js'
import { setPeer } from '../../src/http/access/socket-peers.js'
import { eventually, steady } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { HttpSocket } from '../support/http-socket.js'
import { type Stage, setStage } from './stage.js'

let stage: Stage

afterEach(() => stage.close())

const rules = { assumeSecure: false, trustedProxies: readNetworks('loopback', () => undefined) }

const send = (method: string, path: string, body?: string, headers: Record<string, string | string[]> = {}) =>
  ask(`http://localhost:${stage.port}${path}`, { method, headers, agent: false }, body)

/** What the process with the session sees of a request. */
const mirror: RequestListener = async (req, res) => {
  const body = await text(req)
  const { method, url, headers, rawHeaders, httpVersion } = req
  const client = {
    address: clientAddress(req, rules),
    isSecure: isEncrypted(req),
    isForwarded: isForwardedByPeer(req),
  }
  const note = noteOf(req)
  res.end(JSON.stringify({ method, url, headers, rawHeaders, httpVersion, body, client, note }))
}

const held =
  (requests: ServerResponse[], onClose: (how: string) => void = () => {}): RequestListener =>
  (req, res) => {
    requests.push(res)
    req.resume()
    req.on('error', () => {})
    res.on('close', () => onClose(res.writableFinished ? 'finished' : 'gone'))
  }

describe('a request', () => {
  test('a request arrives as its client sent it', async () => {
    stage = await setStage({ listener: mirror, requestId: 'id-1', note: 'nöte' })
    const { status, text } = await send('POST', '/warm/1?a=%00&b=ü'.replace('ü', '%C3%BC'), 'tëxt', {
      Cookie: ['a=1', 'b=2'],
      'X-Twice': ['one', 'two'],
      Host: 'Chat.example:8080',
    })
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({
      method: 'POST',
      url: '/warm/1?a=%00&b=%C3%BC',
      httpVersion: '1.1',
      body: 'tëxt',
      note: 'nöte',
      headers: {
        host: 'Chat.example:8080',
        cookie: 'a=1; b=2',
        'x-twice': 'one, two',
        'content-length': '5',
        'x-request-id': 'id-1',
      },
      client: { address: '127.0.0.1', isSecure: false, isForwarded: true },
    })
  })

  test('a client cannot set headers of the link, nor of the connection', async () => {
    stage = await setStage({ listener: mirror })
    const { text } = await send('GET', '/', undefined, {
      'Warm-Client': '{"address":"192.0.2.1","isSecure":true}',
      'WARM-Target': '/other',
      'warm-host': 'other',
      'Warm-Request-Id': 'x',
      'Warm-Length': '7',
      'Warm-Note': 'x',
      Connection: 'close, X-Named',
      'X-Named': 'x',
      'Keep-Alive': 'x',
      'Proxy-Connection': 'x',
      TE: 'gzip',
      'HTTP2-Settings': 'x',
    })
    const { url, headers, client, note } = JSON.parse(text)
    expect([url, note]).toEqual(['/', undefined])
    expect(headers).toEqual({ host: `localhost:${stage.port}`, 'x-named': 'x' })
    expect(client).toEqual({ address: '127.0.0.1', isSecure: false, isForwarded: true })
  })

  test.each(['*', '//evil.example/x', '/:path', '/a b'.replace(' ', '\t'), '/\x7f|"<>', 'http://a/?x'])(
    'the target %j arrives unchanged, or is refused before the link',
    async target => {
      stage = await setStage({ listener: mirror })
      const client = new HttpSocket(stage.port)
      client.send(`OPTIONS ${target} HTTP/1.1\r\nHost: a@b c"\r\nConnection: close\r\n\r\n`)
      const text = await client.rest()
      if (text.startsWith('HTTP/1.1 200')) expect(text).toContain(JSON.stringify(target))
      else expect(text).toMatch(/^HTTP\/1\.1 400 /)
      expect(stage.lost).toEqual([])
      client.socket.destroy()
    },
  )

  test('headers of 64 KB arrive, and headers that are too long end only their own request', async () => {
    const requests: ServerResponse[] = []
    const listener: RequestListener = (req, res) => (req.url === '/held' ? held(requests)(req, res) : mirror(req, res))
    stage = await setStage({ listener, options: { maxHeaderSize: 1_000_000 } })
    const waiting = send('GET', '/held')
    await eventually('a request', () => requests.length === 1)
    const { text } = await send('GET', '/', undefined, { 'X-Long': 'x'.repeat(60_000) })
    expect(JSON.parse(text).headers['x-long']).toHaveLength(60_000)
    expect((await send('GET', '/', undefined, { 'X-Long': 'x'.repeat(500_000) })).status).toBe(503)
    requests[0]!.end('late')
    expect((await waiting).text).toBe('late')
  })

  test('an answer arrives with its status, its headers and its body', async () => {
    stage = await setStage({
      listener: (_req, res) => {
        res.writeHead(418, { 'Set-Cookie': ['a=1', 'b=2'], 'X-A': ['1', '2'], Connection: 'close', 'Warm-Secret': 'x' })
        res.write('in ')
        setImmediate(() => res.end('parts'))
      },
    })
    const { status, headers, text } = await send('GET', '/')
    expect([status, text]).toEqual([418, 'in parts'])
    expect(headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], 'x-a': '1, 2' })
    expect(headers['warm-secret']).toBeUndefined()
  })

  test('answers to pipelined requests are written once, in order, though their client does not read', async () => {
    stage = await setStage({
      listener: (req, res) => {
        const text = req.url === '/large' ? 'x'.repeat(12_000_000) : req.url!
        res.writeHead(200, ['Content-Length', `${text.length}`]).end(text)
      },
    })
    const client = new HttpSocket(stage.port)
    client.socket.pause()
    const get = (path: string, ...headers: string[]) =>
      `${['GET ' + path + ' HTTP/1.1', 'Host: a', ...headers].join('\r\n')}\r\n\r\n`
    client.send(get('/large') + get('/one') + get('/two', 'Connection: close'))
    await new Promise(resolve => stage.front.once('request', resolve))
    client.socket.resume()
    expect((await client.reply()).body).toHaveLength(12_000_000)
    expect((await client.reply()).body).toBe('/one')
    expect((await client.reply()).body).toBe('/two')
    expect(stage.lost).toEqual([])
  })

  test.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('an answer to %s with %i has no body', async (method, status) => {
    stage = await setStage({ listener: (_req, res) => void res.writeHead(status, { ETag: '"1"' }).end() })
    const answer = await send(method, '/')
    expect(answer).toMatchObject({ status, headers: { etag: '"1"' }, text: '' })
    expect(stage.lost).toEqual([])
  })

  test('the client’s address is the address that its connection has here', async () => {
    stage = await setStage({ listener: mirror })
    stage.front.on('connection', socket =>
      setPeer(socket, { address: '192.0.2.7', isTrusted: false, isForwarded: true }),
    )
    const { text } = await send('GET', '/', undefined, { 'X-Forwarded-For': '198.51.100.1' })
    expect(JSON.parse(text).client.address).toBe('192.0.2.7')
  })

  test('an owner that closes the connection without an answer closes the client’s', async () => {
    stage = await setStage({ listener: (_req, res) => void res.destroy() })
    await expect(send('POST', '/', 'abc')).rejects.toThrow('socket hang up')
    expect(stage.lost).toEqual([])
  })

  test('an answer that breaks off is not taken for whole', async () => {
    stage = await setStage({
      listener: (_req, res) => {
        res.write('half')
        setImmediate(() => res.destroy())
      },
    })
    await expect(send('GET', '/')).rejects.toThrow('aborted')
  })
})

describe('a lost request', () => {
  test('is refused if its session is not there', async () => {
    stage = await setStage({ listener: req => refuseForwarded(req) })
    await send('POST', '/', 'abc')
    await send('GET', '/')
    expect(stage.lost).toEqual(['refused', 'refused'])
  })

  test('that a client left before it is forwarded ends there too', async () => {
    const closed: string[] = []
    stage = await setStage({ listener: held([], how => closed.push(how)) })
    stage.front.removeAllListeners('request').on('request', async (req: IncomingMessage, res: ServerResponse) => {
      req.socket.destroy()
      await once(res, 'close')
      void forwardRequest(stage.links.to(stage.address), req, res, { body: Buffer.alloc(0) })
    })
    request({ port: stage.port, agent: false })
      .on('error', () => {})
      .end()
    await eventually('its end', () => closed.length > 0)
    expect(closed).toEqual(['gone'])
  })

  test('is no fault if its client has gone when it is refused', async () => {
    const requests: IncomingMessage[] = []
    stage = await setStage({ listener: req => void requests.push(req) })
    const sent = request({ port: stage.port, agent: false }).on('error', () => {})
    sent.end()
    await eventually('a request', () => requests.length === 1)
    sent.destroy()
    await once(requests[0]!.socket, 'close')
    refuseForwarded(requests[0]!)
    await new Promise(setImmediate)
    expect(stage.faults).toEqual([])
  })

  test('is no answer of 421 by the listener', async () => {
    stage = await setStage({ listener: (_req, res) => void res.writeHead(421).end('no') })
    expect((await send('GET', '/')).status).toBe(421)
    expect(stage.lost).toEqual([])
  })
})

test('a large answer waits in the owner while it is not read', async () => {
  // The operating system takes some megabytes.
  const large = 40_000_000
  let written = 0
  const write = (res: ServerResponse): void => {
    while (written < large) {
      written += 50_000
      if (!res.write(Buffer.alloc(50_000))) return void res.once('drain', () => write(res))
    }
    res.end()
  }
  let res: ServerResponse | undefined
  stage = await setStage({
    listener: (_req, outgoing) => {
      res = outgoing.writeHead(200)
      write(outgoing)
    },
  })
  const client = new HttpSocket(stage.port)
  client.socket.pause()
  client.send('GET / HTTP/1.0\r\n\r\n')
  await eventually('a full buffer', () => res?.writableNeedDrain === true)
  await steady('what was written', () => written)
  expect(written).toBeLessThan(large / 2)
  client.socket.resume()
  expect((await client.rest()).length).toBeGreaterThan(large)
  expect(res!.writableFinished).toBe(true)
})

test('data that Node reports before the headers is part of the answer', async () => {
  // This happens over TLS if much arrives at once.
  const stream = Object.assign(new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }), { rstCode: 0 })
  stage = await setStage({})
  stage.front.removeAllListeners('request').on('request', (req, res) => {
    const link = { request: () => stream, clock: stage.clock } as unknown as PeerLink
    void forwardRequest(link, req, res, { body: Buffer.alloc(0) })
    stream.push('body')
    setImmediate(() => {
      stream.emit('response', { ':status': 200, 'content-length': '4' })
      stream.push(null)
    })
  })
  expect((await send('GET', '/')).text).toBe('body')
})

test('600 requests, of which a third is cancelled, leave nothing behind and do not break the link', async () => {
  let open = 0
  stage = await setStage({
    listener: (req, res) => {
      open++
      res.once('close', () => open--)
      req.resume().on('error', () => {})
      if (req.url === '/quick') req.once('end', () => res.end('done'))
    },
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  const quick = () => ask(`http://localhost:${stage.port}/quick`, { method: 'POST', agent }, 'body')
  const cancelled = async () => {
    const sent = request({ port: stage.port, path: '/held', method: 'POST', agent: false }).on('error', () => {})
    sent.end('body')
    await once(sent, 'finish')
    sent.destroy()
  }
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 40 }, quick))
    await Promise.all(Array.from({ length: 20 }, cancelled))
  }
  await eventually('the end of all requests', () => open === 0)
  await eventually('the end of all streams', () => stage.links.to(stage.address).streams === 0)
  expect(stage.links.size).toBe(1)
  expect(stage.lost).toEqual([])
  expect(stage.faults).toEqual([])
  agent.destroy()
})
