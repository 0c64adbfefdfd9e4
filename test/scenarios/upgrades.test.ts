// Requests for another protocol that the service does not speak are answered as usual (RFC 9110 §7.8).
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { ask } from '../support/http-answer.js'
import { combinations } from '../support/matrix.js'
import { samplesOf } from '../support/scrape.js'
import { testFolder } from '../support/test-folder.js'
import { open, Stage } from '../support/websocket-stage.js'
import { handshake, type WebSocketWire } from '../support/websocket-wire.js'

const { cert, key } = makeCertificate(['DNS:localhost', 'IP:127.0.0.1'])
const TLS_CERT = testFolder().file('tls.pem', cert + key)

/** The headers with which Java's HttpClient and curl request HTTP/2. */
const wish = [
  'Connection: Upgrade, HTTP2-Settings',
  'Upgrade: h2c',
  'HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA',
]
const request = (line: string, ...headers: string[]) => [`${line} HTTP/1.1`, 'Host: a', ...headers, '', ''].join('\r\n')
const unknownSid = "<body rid='1' sid='none' xmlns='http://jabber.org/protocol/httpbind'/>"
const itemNotFound = "condition='item-not-found'"
const isLast = Number.parseInt(process.versions.node, 10) >= 26

const ways = ['http', 'https'].flatMap(scheme => ['on', 'off'].map(fast => [scheme, fast] as const))

describe.each(combinations(ways, ([scheme, fast]) => (scheme === 'https') === (fast === 'on')))(
  'over %s with HTTP_FAST=%s',
  (scheme, fast) => {
    let stage: Stage
    let http: WebSocketWire

    beforeAll(async () => {
      stage = await Stage.set({
        environment: {
          ...{ HTTPS_PORT: '0', TLS_CERT, HTTP_FAST: fast },
          METRICS_ADDRESS: '127.0.0.1:0',
        },
      })
    })
    afterAll(() => stage.strike())

    const connect = async () => {
      http = await stage.connect(scheme === 'http' ? undefined : stage.secureUrl)
    }
    const answer = async () => {
      const { status, headers } = await http.head()
      return { status, body: await http.body(Number(headers['content-length'] ?? 0)) }
    }
    const connections = async () =>
      samplesOf((await ask(stage.service.service.metricsUrl!)).text).get('warm_bindings_http_connections')

    test('a POST with an upgrade is answered, with its body whole, in chunks or late', async () => {
      await connect()
      /** From Node.js 26, such a reply is the last on its connection. */
      const answered = async () => {
        const { status, headers } = await http.head()
        expect([status, headers.connection ?? 'keep-alive']).toEqual([200, isLast ? 'close' : 'keep-alive'])
        expect(await http.body(Number(headers['content-length']))).toContain(itemNotFound)
        if (isLast) await connect()
      }
      const length = `Content-Length: ${unknownSid.length}`
      http.write(request('POST /http-bind', ...wish, length) + unknownSid)
      await answered()
      const [first, second] = [unknownSid.slice(0, 11), unknownSid.slice(11)]
      const chunks = [first, second, ''].map(part => `${part.length.toString(16)}\r\n${part}\r\n`)
      http.write(request('POST /http-bind', ...wish, 'Transfer-Encoding: chunked') + chunks.join(''))
      await answered()
      http.write(request('POST /http-bind', ...wish, length))
      for (const byte of unknownSid) {
        await new Promise(resolve => setImmediate(resolve))
        http.write(byte)
      }
      await answered()
      http.write(request('POST /http-bind', ...wish, 'Expect: 100-continue', length))
      expect((await http.head()).status).toBe(100)
      http.write(unknownSid)
      await answered()
      http.drop()
    })

    test('pipelined upgrades are answered in order', async () => {
      await connect()
      const post = request('POST /http-bind', ...wish, `Content-Length: ${unknownSid.length}`) + unknownSid
      http.write(request('GET /none', ...wish) + post + request('GET /healthz') + post + request('GET /none'))
      const statuses: number[] = []
      for (let left = isLast ? 2 : 5; left > 0; left--) statuses.push((await answer()).status)
      expect(statuses).toEqual(isLast ? [404, 200] : [404, 200, 200, 200, 404])
      if (isLast) await http.ended()
      http.drop()
    })

    test('a connection that was used for requests can become a WebSocket', async () => {
      await connect()
      http.write(request('GET /healthz', ...wish))
      expect((await answer()).status).toBe(200)
      http.write(request('GET /xmpp-websocket'))
      expect((await answer()).body).toContain('XMPP WebSocket endpoint')
      // At other paths, a GET with a WebSocket handshake is an ordinary request.
      http.write(handshake({ path: '/http-bind' }))
      expect((await answer()).status).toBe(200)
      // Behind other requests, it is answered after them.
      http.write(request('GET /none') + request('GET /healthz') + handshake())
      expect([(await answer()).status, (await answer()).status]).toEqual([404, 200])
      expect((await http.head()).status).toBe(101)
      http.send(open())
      await (await stage.server.connection()).until('>')
      http.drop()
      await stage.isOver()
    })

    test('an invalid WebSocket handshake gets 400, 405 or 426', async () => {
      const handshakes = [
        ...['short', undefined].map(key => [{ 'Sec-WebSocket-Key': key }, 400] as const),
        ...['XMPP, mqtt', 'xmpp,,', undefined].map(name => [{ 'Sec-WebSocket-Protocol': name }, 400] as const),
        ...['12', '', '013', undefined].map(version => [{ 'Sec-WebSocket-Version': version }, 426] as const),
      ]
      for (const [headers, expected] of handshakes) {
        await connect()
        http.write(handshake({ headers }))
        const { status, headers: told } = await http.head()
        expect([status, told['sec-websocket-version']]).toEqual([expected, expected === 426 ? '13' : undefined])
        if (expected === 400) await http.ended()
        http.drop()
      }
      await connect()
      http.write(handshake().replace('HTTP/1.1', 'HTTP/1.0'))
      expect((await http.head()).status).not.toBe(101)
      http.drop()
      await connect()
      http.write(handshake().replace('GET', 'POST'))
      expect(await http.head()).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
      http.drop()
    })

    test('a connection with many upgrades counts once', async () => {
      await connect()
      for (let left = 0; left < 5; left++) {
        http.write(request('GET /healthz', ...wish))
        await answer()
      }
      let open = await connections()
      for (let left = 0; left < 100 && open !== 1; left++) open = await connections()
      expect(open).toBe(1)
      http.write(handshake())
      await http.head()
      expect(await connections()).toBe(1)
      http.drop()
      for (let left = 0; left < 100 && open !== 0; left++) open = await connections()
      expect(open).toBe(0)
    })
  },
)
