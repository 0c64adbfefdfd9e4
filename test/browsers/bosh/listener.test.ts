import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Cors, createCors } from '../../../src/browsers/bosh/cors.js'
import { createBoshListener } from '../../../src/browsers/bosh/listener.js'
import { noAnswer, type Peer, type Reply } from '../../../src/browsers/bosh/peer.js'
import { readNetworks } from '../../../src/config/kinds/networks.js'
import type { Access } from '../../../src/http/access/client-rules.js'
import { createEndpointPage } from '../../../src/http/answers/endpoint-page.js'
import type { UnfinishedBodies } from '../../../src/http/bodies/unfinished-bodies.js'
import { install } from '../../../src/http/fast/install.js'
import { Counts } from '../../../src/lib/counts.js'
import { eventually } from '../../support/eventually.js'
import { FakeClock } from '../../support/fake-clock.js'
import { ask, type HttpAnswer } from '../../support/http-answer.js'
import { HttpSocket, post } from '../../support/http-socket.js'
import { Listener } from '../../support/listener.js'
import { bodiesOf } from '../../support/unlimited.js'
import { isXhtml } from '../../support/xhtml.js'
import { config } from '../../warm/fake-login.js'

type Answer = Omit<HttpAnswer, 'text'> & { readonly body: string }

let listener: RequestListener
let server: Server
let listening: Listener
let port: number
/** For each reply, whether it has left. */
const settled: boolean[] = []
/** Requests that the listener passed on. */
const received: { body: string; peer: Peer }[] = []
let answer: (body: string, peer: Peer) => Promise<Reply>
let refusal: Reply | undefined
const limits: string[] = []
const noted: (string | undefined)[][] = []
/** The client and the start of a too large request. */
let refused: Pick<Peer, 'secure' | 'cookies'> | undefined
let refusedHead: string | undefined
let cors: Cors
/** Reported errors. */
const faults: unknown[] = []
let redirectUrl: string | undefined
let clock: FakeClock
let counts: Counts
let bodies: UnfinishedBodies
let access: Access | undefined

const trustedProxies = readNetworks('loopback', () => undefined)

const reply = (body: string): Reply => ({ status: 200, body, contentType: 'text/xml; charset=utf-8' })

const servers: [string, (listener: RequestListener) => Server][] = [
  ['any server', createServer],
  ['a server with our messages', listener => createServer(install(true), listener)],
]

async function listen(made: Server): Promise<void> {
  server = made
  listening = await Listener.start(made)
  port = listening.port
}

async function send(method: string, body: string | Buffer = '', headers: Record<string, string> = {}): Promise<Answer> {
  const { text, ...answered } = await ask(`http://localhost:${port}/http-bind`, { method, headers }, body)
  return { ...answered, body: text }
}

const fail = () => {
  throw new TypeError('not foreseen')
}

const until = (condition: () => boolean) => eventually(String(condition), condition)

describe.each(servers)('in %s', (_name, create) => {
  beforeEach(async () => {
    for (const list of [received, settled, faults, limits, noted]) list.length = 0
    answer = async () => reply('<body/>')
    refusal = undefined
    refused = undefined
    refusedHead = undefined
    redirectUrl = undefined
    clock = new FakeClock()
    counts = new Counts()
    bodies = bodiesOf(1, trustedProxies)
    access = undefined
    cors = createCors(['*'])
    listener = createBoshListener({
      serve: (body, peer) => {
        received.push({ body, peer })
        void answer(body, peer).then(reply => peer.answer(reply, isSent => void settled.push(isSent)))
      },
      refuseTooLarge: (head, peer) => {
        refused = peer
        refusedHead = head
        return refusal
      },
      cors: origin => cors(origin),
      noteRefusal: (reason, _address, setting, subject) =>
        void noted.push([reason, setting, ...(subject === undefined ? [] : [subject])]),
      endpoint: {
        access: address => access?.(address) ?? true,
        clients: { assumeSecure: false, trustedProxies },
        secureUrl: () => 'https://chat.example/http-bind',
        redirectUrl: () => redirectUrl,
        page: createEndpointPage(config, 'bosh'),
      },
      maxBodyBytes: 1000,
      pseudonym: 'own-name',
      transport: {
        ...{ bodies, clock, counts, maxStanzaBytes: 500 },
        refused: limit => void limits.push(limit),
        report: error => void faults.push(error),
      },
      externalUrl: 'https://chat.example/chat',
    })
    await listen(create(listener))
  })

  afterEach(() => listening.stop())

  describe('the session is told', () => {
    const long = reply(`<body>${'x'.repeat(20_000_000)}</body>`)

    test.each<[string, boolean, (socket: Socket) => unknown]>([
      ['a reply has left after its client has read enough of it', true, socket => socket.resume()],
      ['a client has gone before the end of its reply', false, socket => socket.destroy()],
    ])('that %s', async (_what, hasLeft, act) => {
      answer = async () => long
      const { socket } = new HttpSocket(port).send(post('<body/>'))
      // Reads nothing.
      socket.pause()
      await until(() => received.length === 1)
      await new Promise(resolve => setTimeout(resolve, 50))
      expect(settled).toEqual([])
      act(socket)
      await until(() => settled.length > 0)
      expect(settled).toEqual([hasLeft])
      socket.destroy()
    })

    test('that a client has gone before the replies to its requests', async () => {
      let release = (_reply: Reply) => {}
      const released = new Promise<Reply>(resolve => (release = resolve))
      const gone: string[] = []
      answer = (body, peer) => {
        peer.whenGone = () => void gone.push(body)
        return released
      }
      const { socket } = new HttpSocket(port).send(post('<first/>') + post('<second/>'))
      await until(() => received.length === 2)
      socket.destroy()
      await until(() => gone.length === 2)
      expect(received.map(({ peer }) => peer.gone)).toEqual([true, true])
      release(reply('<body/>'))
      await until(() => settled.length > 1)
      expect(settled).toEqual([false, false])
    })

    test('that a reply without an answer has not left', async () => {
      answer = async () => noAnswer
      await expect(send('POST', '<body/>')).rejects.toThrow()
      expect(settled).toEqual([false])
    })
  })

  describe('a POST', () => {
    test('is answered with its length, uncached, for pages of every origin', async () => {
      answer = async () => reply('<body>ü</body>')
      const { status, headers, body } = await send('POST', '<body/>')
      expect(status).toBe(200)
      expect(body).toBe('<body>ü</body>')
      expect(headers).toMatchObject({
        'content-type': 'text/xml; charset=utf-8',
        'content-length': '15',
        'cache-control': 'no-store',
        'access-control-allow-origin': '*',
      })
      for (const absent of ['transfer-encoding', 'set-cookie']) expect(headers[absent]).toBeUndefined()
      expect(received.map(({ body: text }) => text)).toEqual(['<body/>'])
      expect(settled).toEqual([true])
    })

    test('has its cookies, and the address of its connection or that a trusted proxy sends', async () => {
      answer = async () => ({ ...reply('<body/>'), setCookie: 'wb-1=secret; HttpOnly' })
      const { headers } = await send('POST', '<body/>', { cookie: 'a=b; wb-1=x' })
      expect(headers['set-cookie']).toEqual(['wb-1=secret; HttpOnly'])
      const secureUrl = 'https://chat.example/http-bind'
      expect(received[0]!.peer).toMatchObject({
        address: '127.0.0.1',
        secure: false,
        cookies: 'a=b; wb-1=x',
        secureUrl,
      })
      await send('POST', '<body/>', { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' })
      expect(received[1]!.peer).toMatchObject({ address: '203.0.113.9', secure: true, cookies: undefined })
      await send('POST', 'x'.repeat(1001), { cookie: 'wb-2=y' })
      expect(refused).toMatchObject({ cookies: 'wb-2=y' })
    })

    test.each([
      ...['text/xml', 'text/plain', 'application/x-www-form-urlencoded', 'nonsense'].map(type => [
        'content-type',
        type,
      ]),
      ...['identity', '', 'text/xml; charset=utf-8', 'Identity, identity'].map(coding => ['content-encoding', coding]),
      ...['UTF-8', 'utf8', 'none', 'binary', '8bit', 'us-ascii'].map(coding => ['content-encoding', coding]),
    ] as [string, string][])('is read although its %s is %j', async (header, value) =>
      expect((await send('POST', '<body/>', { [header]: value })).body).toBe('<body/>'),
    )

    test('that is compressed is not read', async () => {
      for (const coding of ['gzip', 'identity, br', 'utf-8, gzip', 'x-unknown']) {
        const { status, headers, body } = await send('POST', 'x', { 'content-encoding': coding })
        expect([status, headers['accept-encoding']]).toEqual([415, 'identity'])
        expect(body).toContain('compressed')
      }
      expect(noted).toContainEqual(['compressed', undefined])
      expect(received).toEqual([])
    })

    test('in another encoding than UTF-8 is not decoded', async () => {
      await send('POST', Buffer.from([0x3c, 0x62, 0xff, 0x3e]))
      expect(received[0]?.body).toBe('')
    })

    test('exactly at the limit is read', async () => {
      await send('POST', 'x'.repeat(1000))
      expect(received[0]?.body).toHaveLength(1000)
    })

    test('is answered only once', async () => {
      answer = async () => reply('<body n="1"/>')
      const answered = send('POST', '<body/>')
      await until(() => received.length === 1)
      for (const n of [1, 2]) received[0]!.peer.answer(reply(`<body n="${n}"/>`))
      expect((await answered).body).toBe('<body n="1"/>')
    })
  })

  describe('a browser that navigates to the endpoint', () => {
    /** Headers that prevent scripts, loading and framing. */
    const inert = {
      'content-security-policy': expect.stringMatching(/^default-src 'none'; sandbox; frame-ancestors 'none'/),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    }

    test('gets headers that prevent scripts in every reply', async () => {
      const large = 'x'.repeat(1001)
      const replies: [number, Answer][] = [
        [200, await send('POST', '<body/>')],
        [200, await send('GET')],
        [200, await send('HEAD')],
        [204, await send('OPTIONS')],
        [405, await send('PUT')],
        [413, await send('POST', large)],
        [415, await send('POST', 'x', { 'content-encoding': 'gzip' })],
        [403, await send('POST', '<body/>', { 'sec-fetch-mode': 'navigate' })],
      ]
      refusal = reply('<body type="terminate"/>')
      replies.push([200, await send('POST', large)])
      redirectUrl = 'https://chat.example/http-bind'
      replies.push([308, await send('GET')])
      access = () => false
      for (const method of ['GET', 'POST']) replies.push([403, await send(method)])
      access = undefined
      answer = async () => ({ ...reply('<body/>'), setCookie: 'wb-1=secret' })
      replies.push([200, await send('POST', '<body/>')])
      answer = async () => ({ ...reply(''), status: 404 })
      replies.push([404, await send('POST', '<body/>')])
      cors = fail
      replies.push([500, await send('POST', '<body/>')])
      for (const [status, answered] of replies) {
        expect(answered.status).toBe(status)
        expect(answered.headers).toMatchObject(inert)
        expect(answered.headers.allow).toBe(status === 405 ? 'GET, HEAD, OPTIONS, POST' : undefined)
      }
    })

    test('of this service itself is refused, also through proxies', async () => {
      expect((await send('POST', '<body/>', { via: '1.1 own-name, 1.1 nginx' })).status).toBe(508)
      expect(noted).toEqual([['loop', 'XMPP_SERVERS']])
      expect((await send('POST', '<body/>', { via: '1.1 another' })).status).toBe(200)
    })

    test('gets the page for GET and 403 for POST', async () => {
      const navigate = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
      const posted = await send('POST', '<body/>', navigate)
      expect([posted.status, posted.body]).toEqual([403, expect.stringMatching(/XMPP clients/)])
      expect(noted).toEqual([['navigation', undefined]])
      expect((await send('GET', '', navigate)).body).toContain('XMPP BOSH endpoint')
      expect(received).toEqual([])
      for (const mode of ['cors', 'no-cors', 'same-origin'])
        expect((await send('POST', '<body/>', { 'sec-fetch-mode': mode })).body).toBe('<body/>')
    })
  })

  describe('a page of another origin', () => {
    const listed = 'https://www.example.org'
    const setUp = (...origins: string[]) => {
      cors = createCors(origins)
    }
    /** A request that a browser sends without a preflight. */
    const simple = { 'sec-fetch-mode': 'no-cors', 'content-type': 'text/plain' }
    const postFrom = (origin: string, site = 'cross-site') =>
      send('POST', '<body/>', { ...simple, origin, 'sec-fetch-site': site })

    test.each(['cross-site', 'same-site'])('that is not listed cannot post (%s)', async site => {
      for (const origins of [[listed], []]) {
        setUp(...origins)
        const { status, body } = await postFrom('https://evil.example', site)
        expect([status, body]).toEqual([403, expect.stringMatching(/CORS_ORIGINS/)])
        expect(noted).toContainEqual(['origin', 'CORS_ORIGINS', 'https://evil.example'])
        expect((await postFrom('null', site)).status).toBe(403)
      }
      expect(received).toEqual([])
    })

    test('is recognized by its Origin if the browser sends no Sec-Fetch-Site, as over plain HTTP', async () => {
      const over = (origin: string) => send('POST', '<body/>', { origin, 'content-type': 'text/plain' })
      setUp(listed)
      for (const origin of ['http://evil.example', 'null', `http://localhost:${port + 1}`])
        expect((await over(origin)).status).toBe(403)
      expect(received).toEqual([])
      for (const origin of [listed, `http://localhost:${port}`, 'https://chat.example'])
        expect((await over(origin)).body).toBe('<body/>')
    })

    test('that is listed may post; so may pages of the same origin, and all pages if all are allowed', async () => {
      setUp(listed)
      expect((await postFrom(listed)).body).toBe('<body/>')
      expect((await postFrom('https://chat.example', 'same-origin')).body).toBe('<body/>')
      setUp('*')
      expect((await postFrom('https://evil.example')).body).toBe('<body/>')
    })
  })

  describe('a body whose end has not arrived', () => {
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n'
    const terminate = reply('<body type="terminate"/>')

    test.each([
      ['413', undefined, 413],
      ['the end of its session as a body', terminate, 200],
    ])('is answered with %s when its first KiB has arrived', async (_what, known, status) => {
      refusal = known
      const client = new HttpSocket(port).send(head + "<body sid='1'>".padEnd(900))
      await until(() => clock.pending === 1)
      expect(refused).toBeUndefined()
      const answered = await client.send('x'.repeat(124)).reply()
      expect(answered.head).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*\r\nConnection: close\r\n`))
      if (known === undefined) expect(answered.body).toContain('MAX_STANZA_BYTES')
      else expect(answered.body).toBe(known.body)
      expect(refusedHead).toMatch(/^<body sid='1'> +x+$/)
      expect([received, limits]).toEqual([[], ['stanza']])
      // The service sends nothing more, but reads the client's data for a while.
      expect(await client.rest()).toBe('')
      client.socket.destroy()
    })

    test('is answered one second after its first bytes, from these bytes', async () => {
      refusal = terminate
      const client = new HttpSocket(port).send(`${head}<body sid='1'`)
      await until(() => clock.pending === 1)
      clock.advance(999)
      expect(refused).toBeUndefined()
      // Waits until the listener has read the sent data.
      await until(() => {
        if (refusedHead === undefined) clock.advance(1)
        return refused !== undefined
      })
      expect((await client.reply()).body).toBe(terminate.body)
      client.socket.destroy()
    })

    test('is answered while its client continues to send, up to limits of time and bytes', async () => {
      for (const [sends, ends] of [
        [100_000, () => clock.advance(5_000)],
        [9_000_000, () => {}],
      ] as const) {
        const accepted = new Promise<Socket>(resolve => server.once('connection', resolve))
        const client = new HttpSocket(port)
        const socket = await accepted
        client.send(head + 'x'.repeat(2_000))
        expect((await client.reply()).head).toMatch(/^HTTP\/1\.1 413 /)
        expect(await client.rest()).toBe('')
        expect(socket.destroyed).toBe(false)
        client.send('x'.repeat(sends))
        await until(() => socket.bytesRead > Math.min(sends, 8_000_000))
        if (sends < 8_000_000) expect(socket.destroyed).toBe(false)
        ends()
        await until(() => socket.destroyed)
      }
    })

    test('of no known length is refused as soon as it is too long', async () => {
      const client = new HttpSocket(port).send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
      client.send(`4e20\r\n${'x'.repeat(20_000)}\r\n`)
      expect((await client.reply()).head).toMatch(/^HTTP\/1\.1 413 /)
      client.socket.destroy()
    })

    test('is dropped when its client disconnects', async () => {
      const client = new HttpSocket(port).send(`${head}<body sid='1'`)
      await until(() => clock.pending === 1)
      client.socket.destroy()
      await until(() => clock.pending === 0)
      expect(refused).toBeUndefined()
    })
  })

  describe('bodies that arrive in parts', () => {
    const part = (address: string, length = 950) =>
      new HttpSocket(port).send(
        `POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${address}\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(length)}`,
      )

    test('are refused if there is no memory for them, and other bodies are not', async () => {
      // The memory for a client: an eighth of the total, or one whole body.
      const most = Math.floor(2 ** 20 / 950)
      const clients = Array.from({ length: most }, () => part('192.0.2.1'))
      await until(() => bodies.bytes === most * 950)
      const refusedOne = part('192.0.2.1')
      const { head } = await refusedOne.reply()
      expect(head).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nConnection: close\r\n/)
      const headers = head.toLowerCase()
      expect(headers).toContain("\r\ncontent-security-policy: default-src 'none'; sandbox; frame-ancestors 'none'\r\n")
      expect(headers).toContain('\r\naccess-control-allow-origin: *\r\n')
      // The rest of the body is ignored.
      expect(await refusedOne.send('x'.repeat(50)).rest()).toBe('')
      refusedOne.socket.destroy()
      expect(counts).toMatchObject({ failedRequests: 1, requests: most + 1 })
      expect(received).toEqual([])

      const whole = 'y'.repeat(1000)
      expect((await send('POST', whole, { 'x-forwarded-for': '192.0.2.1' })).body).toBe('<body/>')
      expect((await clients[0]!.send('x'.repeat(50)).reply()).body).toBe('<body/>')
      expect(received.map(({ body }) => body)).toEqual([whole, 'x'.repeat(1000)])
      for (const client of clients) client.socket.destroy()
      await until(() => bodies.bytes === 0)
    })

    test('use no memory for unfinished bodies once they are complete', async () => {
      const client = part('192.0.2.1')
      await until(() => bodies.bytes === 950)
      answer = () => new Promise(() => {})
      client.send('x'.repeat(50))
      await until(() => received.length === 1)
      // A held request keeps no part of its body.
      expect(bodies.bytes).toBe(0)
      client.socket.destroy()
    })
  })

  describe('an unexpected error', () => {
    test.each([
      ['fails', fail],
      ['has an answer that cannot be written', async () => ({ ...reply('<body/>'), status: 99 })],
    ])('ends only the request that %s', async (_which, failing) => {
      answer = failing
      expect((await send('POST', '<body/>')).status).toBe(500)
      answer = async () => reply('<body/>')
      expect((await send('POST', '<body/>')).status).toBe(200)
      expect(faults).toHaveLength(1)
    })

    test('is answered with 500 for each method', async () => {
      cors = fail
      for (const method of ['GET', 'OPTIONS', 'PUT', 'POST'])
        expect((await send(method, method === 'POST' ? '<body/>' : '')).status).toBe(500)
      expect(faults).toHaveLength(4)
    })
  })

  describe('pages of other origins', () => {
    const portal = 'https://portal.example'
    const other = 'https://shop.example'

    /** The headers that matter to browsers. */
    const isShared = ([name]: [string, unknown]) => name.startsWith('access-control-') || name === 'vary'
    const shared = ({ headers }: Answer) => Object.fromEntries(Object.entries(headers).filter(isShared))

    /** One answer of each kind: a reply, a page, and errors for size, compression and method. */
    const answers = async (headers: Record<string, string>) => [
      shared(await send('POST', '<body/>', headers)),
      shared(await send('GET', '', headers)),
      shared(await send('HEAD', '', headers)),
      shared(await send('POST', 'x'.repeat(1001), headers)),
      shared(await send('POST', 'x', { ...headers, 'content-encoding': 'gzip' })),
      shared(await send('DELETE', '', headers)),
    ]

    const asked = {
      'access-control-allow-methods': 'GET, POST, OPTIONS',
      'access-control-allow-headers': 'Content-Type',
      'access-control-max-age': '7200',
    }
    const withCookies = { 'access-control-allow-credentials': 'true', vary: 'Origin' }

    test.each([
      ['any origin', ['*'], { 'access-control-allow-origin': '*' }],
      ['their origin, with cookies', [other, portal], { 'access-control-allow-origin': portal, ...withCookies }],
    ])('may read replies if CORS allows %s', async (_what, origins, allowed) => {
      cors = createCors(origins)
      for (const one of await answers({ origin: portal })) expect(one).toEqual(allowed)
      expect(shared(await send('OPTIONS', '', { origin: portal }))).toEqual({ ...allowed, ...asked })
    })

    test.each([
      ['another origin is listed', [portal], other],
      ['no origin is listed', [], portal],
      ['their scheme differs', [portal], 'http://portal.example'],
      ['their port differs', [portal], `${portal}:8443`],
      ['their origin only begins like a listed origin', [portal], `${portal}.evil.example`],
      ['their origin is null', [portal], 'null'],
      ['they send no origin', [portal], undefined],
    ])('cannot read replies if %s', async (_what, origins, origin) => {
      cors = createCors(origins)
      const headers = origin === undefined ? {} : { origin }
      for (const one of await answers(headers)) expect(one).toEqual({})
      const preflight = await send('OPTIONS', '', headers)
      expect({ status: preflight.status, headers: shared(preflight) }).toEqual({ status: 204, headers: {} })
      if (origin !== undefined) expect(noted.at(-1)).toEqual(['origin', 'CORS_ORIGINS', origin])
    })
  })

  describe('other methods', () => {
    test('GET shows a page, with a warning if the channel is not encrypted', async () => {
      const { status, headers, body } = await send('GET')
      expect(status).toBe(200)
      expect(headers['content-type']).toBe('text/html; charset=utf-8')
      expect(headers['content-security-policy']).toContain("default-src 'none'")
      expect(body).toContain('<p>This is an XMPP BOSH endpoint: point your client here.</p>')
      expect(body).not.toContain('without https')
      expect((await send('GET', '', { via: '1.1 proxy.example' })).body).toContain('was opened without https')
      expect(isXhtml(body)).toBe(true)
      expect(body).toContain('If you want to chat')
      expect(body).toContain('<a href="/warm">Log a user in</a>')
      // This address may not use the admin pages.
      expect((await send('GET', '', { 'x-forwarded-for': '203.0.113.7' })).body).not.toContain('/warm"')
      const xhtml = await send('GET', '', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' })
      expect(xhtml.headers['content-type']).toBe('application/xhtml+xml; charset=utf-8')
    })

    test('GET is redirected if the channel must be encrypted', async () => {
      redirectUrl = 'https://chat.example/http-bind'
      for (const method of ['GET', 'HEAD']) {
        const { status, headers, body } = await send(method)
        expect([status, headers['location'], body]).toEqual([308, redirectUrl, ''])
        expect(headers['cache-control']).toBe('no-store')
      }
      const encrypted = await send('GET', '', { 'x-forwarded-proto': 'https' })
      expect([encrypted.status, encrypted.body]).toEqual([200, expect.not.stringContaining('did not come')])
    })

    test.each([
      ['content-type, x-portal', 'content-type, x-portal'],
      ...['é', 'a: b', 'x'.repeat(1001)].map(list => [list, 'Content-Type'] as const),
    ])('OPTIONS with the list of headers %j allows %s', async (list, allowed) => {
      const headers = { origin: 'https://portal.example', 'access-control-request-headers': list }
      const answer = await send('OPTIONS', '', headers)
      expect(answer.headers['access-control-allow-headers']).toBe(allowed)
    })
  })

  describe('an address that is not allowed', () => {
    test.each(['POST', 'GET', 'HEAD', 'OPTIONS', 'PUT'])('gets 403 and the reason for %s', async method => {
      access = address => address !== '127.0.0.1'
      const { status, headers, body } = await send(method, method === 'POST' ? '<body/>' : '')
      const sentence = 'Clients with this address may not connect here.\n'
      expect([status, headers['content-length'], body]).toEqual([403, '48', method === 'HEAD' ? '' : sentence])
      expect(noted).toEqual([['address', 'BOSH_ALLOW']])
      // With this header, a page can distinguish the error from a network failure.
      expect(headers['access-control-allow-origin']).toBe('*')
      expect(received).toEqual([])
    })

    test('is that of the client if a trusted proxy sends it, whose connection serves others', async () => {
      access = address => address !== '203.0.113.9'
      const client = new HttpSocket(port)
      const body = '<body/>'.padEnd(900)
      expect((await client.send(post(body, 'X-Forwarded-For: 203.0.113.9')).reply()).head).toMatch(/^HTTP\/1\.1 403 /)
      expect((await client.send(post(body, 'X-Forwarded-For: 203.0.113.10')).reply()).head).toMatch(/^HTTP\/1\.1 200 /)
      expect(received).toHaveLength(1)
      client.socket.destroy()
    })
  })
})
