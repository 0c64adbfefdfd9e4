import { createServer, type Socket } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import type { NameLookup } from '../../../src/servers/net/name-lookup.js'
import { createPost } from '../../../src/warm/events/post.js'
import { calledAfterEach } from '../../support/closers.js'
import { FakeClock } from '../../support/fake-clock.js'
import { noProxies } from '../../support/link-parts.js'
import { Listener } from '../../support/listener.js'

const names: Pick<NameLookup, 'addressesOf'> = {
  addressesOf: ({ host }) => (host === 'portal.example' ? ['127.0.0.1'] : [host]),
}

const closers = calledAfterEach()
const turn = () => new Promise(setImmediate)

/** A receiver that calls `answer` for each request. */
async function receiver(answer: (socket: Socket, request: string) => void) {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    let text = ''
    socket.on('data', chunk => {
      text += chunk
      if (!text.endsWith('{"a":1}')) return
      answer(socket, text)
      text = ''
    })
  })
  const listener = await Listener.start(server)
  closers.push(() => listener.stop())
  return { url: `${listener.url}/events?a=b`, port: listener.port, sockets }
}

const posting = (url: string, clock = new FakeClock(), about = names) => {
  const { post, close } = createPost(url, { names: about, clock, proxies: noProxies })
  closers.push(close)
  return () => post('{"a":1}', { 'webhook-id': 'e1' })
}

const say =
  (...lines: string[]) =>
  (socket: Socket) =>
    void socket.write(lines.join('\r\n'))

/** Posts to a receiver that calls `answer`, which leaves no timer. */
async function posted(answer: (socket: Socket) => void): Promise<void> {
  const clock = new FakeClock()
  const { url } = await receiver(answer)
  await posting(url, clock)().finally(() => expect(clock.pending).toBe(0))
}

/** Posts to a receiver that calls `answer`, until the request has arrived. */
async function asked(answer: (socket: Socket) => void = () => {}) {
  const clock = new FakeClock()
  let arrive = (_socket: Socket) => {}
  const arrived = new Promise<Socket>(resolve => (arrive = resolve))
  const { url } = await receiver(socket => {
    answer(socket)
    arrive(socket)
  })
  const posted = posting(url, clock)()
  posted.catch(() => {})
  return { clock, posted, socket: await arrived }
}

describe('an event is accepted', () => {
  test.each(['200 OK', '204 No Content', '299 Odd'])('if the answer is %s', async status => {
    const length = status.startsWith('204') ? [] : ['Content-Length: 2']
    await posted(say(`HTTP/1.1 ${status}`, ...length, '', length.length > 0 ? 'ok' : ''))
  })

  test('by one request with all headers', async () => {
    let request = ''
    const { url, port } = await receiver((socket, text) => {
      request = text
      say('HTTP/1.1 204 No Content', '', '')(socket)
    })
    await posting(url.replace('127.0.0.1', 'portal.example'))()
    const [line, ...headers] = request.split('\r\n')
    expect(line).toBe('POST /events?a=b HTTP/1.1')
    expect(headers.slice(0, -2).sort()).toEqual([
      'Connection: keep-alive',
      'Content-Length: 7',
      'Content-Type: application/json',
      `Host: portal.example:${port}`,
      'User-Agent: warm-bindings',
      'webhook-id: e1',
    ])
  })

  test('over the same connection as the event before', async () => {
    const { url, sockets } = await receiver(say('HTTP/1.1 200 OK', 'Content-Length: 2', '', 'ok'))
    const post = posting(url)
    await post()
    await post()
    expect(sockets.size).toBe(1)
  })

  test.each<[string, (socket: Socket) => void]>([
    [
      'breaks off',
      socket => {
        say('HTTP/1.1 200 OK', 'Content-Length: 99', '', 'ok')(socket)
        setImmediate(() => socket.destroy())
      },
    ],
    ['continues with invalid HTTP', say('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', 'x', 'y', '')],
  ])('even if its response body %s', async (_what, answer) => {
    await posted(answer)
  })

  test('even if its response never ends, of which only a part is read', async () => {
    const closed = new Promise<number>(resolve => {
      void receiver(socket => {
        say('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '')(socket)
        let written = 0
        const more = () => {
          written += 1024
          if (!socket.destroyed) socket.write(`400\r\n${'x'.repeat(1024)}\r\n`, () => setImmediate(more))
        }
        more()
        socket.once('close', () => resolve(written))
      }).then(({ url }) => posting(url)())
    })
    expect(await closed).toBeLessThan(10_000_000)
  })

  test('even if its response takes longer than allowed', async () => {
    const clock = new FakeClock()
    const { url, sockets } = await receiver(say('HTTP/1.1 200 OK', 'Content-Length: 99', '', 'slow'))
    const posted = posting(url, clock)()
    while (sockets.size === 0) await turn()
    const [socket] = [...sockets] as [Socket]
    // Until the answer has probably been read.
    for (let turns = 0; turns < 50; turns += socket.bytesWritten > 0 ? 1 : 0) await turn()
    clock.advance(10_000)
    await posted
    await closed(socket)
  })
})

describe('an event is not accepted', () => {
  test.each(['100', '300', '302', '307', '404', '429', '503'])('if the answer is %s', async status => {
    let requests = 0
    const { url } = await receiver(socket => {
      requests += 1
      const lines = [`HTTP/1.1 ${status} Status`, `Location: ${url}`, 'Content-Length: 0', '', '']
      say(...lines)(socket)
      if (status === '100') say('HTTP/1.1 500 Status', 'Content-Length: 0', '', '')(socket)
    })
    const code = `http-${status === '100' ? 500 : status}`
    await expect(posting(url)()).rejects.toMatchObject({ code })
    expect(requests).toBe(1)
  })

  test.each<[string, string, (socket: Socket) => void]>([
    ['is closed', 'ECONNRESET', socket => socket.destroy()],
    ['is closed in the middle of the head', 'ECONNRESET', socket => socket.end('HTTP/1.1 200 OK\r\nContent-')],
    ['gets an answer that is not HTTP', 'HPE_INVALID_CONSTANT', socket => socket.write('nothing of interest\r\n\r\n')],
    ['has too long a head', 'HPE_HEADER_OVERFLOW', say('HTTP/1.1 200 OK', `X: ${'x'.repeat(100_000)}`)],
    [
      'gets interim answers without end',
      'too-many-answers',
      say(...Array(11).fill('HTTP/1.1 103 Early Hints\r\n'), ''),
    ],
    ['changes the protocol', 'no-answer', say('HTTP/1.1 101 Switching', 'Connection: Upgrade', 'Upgrade: x', '', '')],
  ])('if the connection %s', async (_what, code, answer) => {
    await expect(posted(answer)).rejects.toMatchObject({ code })
  })

  test.each<[string, (socket: Socket) => void]>([
    ['sends nothing', () => {}],
    ['never ends its head', say('HTTP/1.1 200 OK', 'X: y', '')],
    ['sends only interim answers', say('HTTP/1.1 102 Processing', '', '')],
  ])('within ten seconds if the receiver %s', async (_what, answer) => {
    const { clock, posted, socket } = await asked(answer)
    clock.advance(9_999)
    expect(clock.pending).toBe(1)
    clock.advance(1)
    await expect(posted).rejects.toMatchObject({ code: 'timeout' })
    await closed(socket)
  })

  test('if nothing listens', async () => {
    const { url } = await receiver(() => {})
    for (const close of closers.splice(0)) close()
    await expect(posting(url)()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('if the name of the receiver is unknown, or DNS does not answer', async () => {
    const clock = new FakeClock()
    const post = (addressesOf: NameLookup['addressesOf']) =>
      posting('https://portal.example/', clock, { addressesOf })()
    const code = 'host-unknown'
    await expect(post(() => ({ step: 'resolve', code }))).rejects.toMatchObject({ code })
    const late = post(() => new Promise(() => {}))
    clock.advance(10_000)
    await expect(late).rejects.toMatchObject({ code: 'timeout' })
  })

  test('if a stop closes the connection', async () => {
    const { posted } = await asked()
    // The last closer is that of the connections.
    closers.pop()!()
    await expect(posted).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})

async function closed(socket: Socket): Promise<void> {
  if (!socket.destroyed) await new Promise<void>(resolve => socket.once('close', () => resolve()))
}
