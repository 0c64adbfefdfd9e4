import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, expect, jest, test } from '@jest/globals'
import { pino } from 'pino'
import { type MetricsServer, serveMetrics } from '../../src/watching/metrics-server.js'
import { ask } from '../support/http-answer.js'
import { HttpSocket } from '../support/http-socket.js'
import { samplesOf } from '../support/scrape.js'

const servers: MetricsServer[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function serve({
  host = '127.0.0.1',
  port = 0,
  text = async () => '# TYPE x counter\nx 1\n',
  fault = (): string | undefined => undefined,
  lines = [] as string[],
} = {}): Promise<string> {
  const log = pino({}, { write: line => void lines.push(line) })
  const server = await serveMetrics({ host, port }, text, fault, log)
  servers.push(server)
  return server.url
}

test('the metrics server sends the metrics of the service', async () => {
  const { status, headers, text } = await ask(await serve())
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(headers['cache-control']).toBe('no-store')
  expect(samplesOf(text).get('x')).toBe(1)
})

test('the metrics server listens on IPv6, with brackets around the address', async () => {
  const url = await serve({ host: '::1' })
  expect(url).toMatch(/^http:\/\/\[::1\]:\d+\/metrics$/)
  expect((await ask(`${url}?name[]=x`)).status).toBe(200)
})

test('the metrics server returns 404 except for the metrics and health checks', async () => {
  const lines: string[] = []
  const url = await serve({ fault: () => 'stopping', lines })
  const status = async (path: string, method = 'GET') => (await ask(new URL(path, url).href, { method })).status
  expect([await status('/'), await status('/metrics/x')]).toEqual([404, 404])
  expect([await status('/metrics', 'POST'), await status('/metrics', 'HEAD')]).toEqual([405, 200])
  expect([await status('/healthz'), await status('/readyz')]).toEqual([200, 503])
  // Once a minute each.
  expect(lines.map(line => JSON.parse(line).reason)).toEqual(['path', 'method'])
})

test('the metrics server answers one request of a connection', async () => {
  let made = 0
  const text = async () => {
    made += 1
    return 'x'
  }
  const { port } = new URL(await serve({ text }))
  const client = new HttpSocket(Number(port))
  client.send('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(100))
  const { head } = await client.reply()
  expect(head).toContain(' 200 ')
  expect(head).toMatch(/connection: close/i)
  expect(made).toBe(1)
})

test('the metrics server reads at most two of many requests of a connection', async () => {
  // Node calls this for each request.
  const read = jest.spyOn(IncomingMessage.prototype as unknown as { _addHeaderLines(): void }, '_addHeaderLines')
  const client = new HttpSocket(Number(new URL(await serve()).port))
  const closed = once(client.socket, 'end')
  client.send('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(500))
  expect((await client.reply()).head).toContain(' 200 ')
  await closed
  const all = read.mock.calls.length
  read.mockRestore()
  expect(all).toBeLessThanOrEqual(3)
})

test('the metrics server neither sends nor logs the text of an error', async () => {
  const lines: string[] = []
  const text = () => Promise.reject(new Error('the secret is here'))
  const reply = await ask(await serve({ text, lines }))
  expect([reply.status, reply.text]).toEqual([500, 'The metrics failed. The log has the cause.\n'])
  expect(lines.join('')).toContain('metrics failed')
  expect(lines.join('')).not.toContain('secret')
})

test('the metrics server names the setting if its address cannot be used', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  await expect(serve({ port })).rejects.toThrow(
    `METRICS_ADDRESS is 127.0.0.1:${port}, which another program uses: choose another address, or none`,
  )
  other.close()
  await expect(serve({ host: '192.0.2.1' })).rejects.toThrow(
    'METRICS_ADDRESS is 192.0.2.1:0, which is not an address of this machine',
  )
})

test.each([
  '\x16\x03\x01 no HTTP\r\n\r\n',
  'GET /metrics HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n',
  'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n',
])('the metrics server says why it refuses %j, and logs it', async text => {
  const lines: string[] = []
  const { port } = new URL(await serve({ lines }))
  const answer = await new HttpSocket(Number(port)).send(text).rest()
  expect(answer).toMatch(/\r\n\r\n\w.*\.\n$/)
  expect(lines).toHaveLength(1)
})
