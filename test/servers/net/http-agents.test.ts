import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { createSecureContext, createServer } from 'node:tls'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { exclusions } from '../../../src/config/kinds/proxies.js'
import { codeOf } from '../../../src/lib/log.js'
import { type AgentParts, createAgent } from '../../../src/servers/net/http-agents.js'
import type { Addresses } from '../../../src/servers/net/name-lookup.js'
import type { Failure } from '../../../src/xmpp/link.js'
import { makeCertificate } from '../../support/certificates.js'
import { calledAfterEach } from '../../support/closers.js'
import { ConnectProxy, type Refusal, refusing } from '../../support/connect-proxy.js'
import { eventually } from '../../support/eventually.js'
import { FakeClock } from '../../support/fake-clock.js'
import { noProxies } from '../../support/link-parts.js'
import { ScriptedEndpoint } from '../../support/scripted-endpoint.js'

const certificate = makeCertificate(['DNS:portal.example', 'IP:192.0.9.9'])
const account = { user: 'chat', password: 'Pa55-of-proxy' }
const authorization = `Basic ${Buffer.from(`${account.user}:${account.password}`).toString('base64')}`

let proxy: ConnectProxy
let there: ScriptedEndpoint
let clock: FakeClock
let lookedUp: string[]
const closers = calledAfterEach()

beforeEach(async () => {
  clock = new FakeClock()
  lookedUp = []
  there = await ScriptedEndpoint.start(certificate)
  proxy = await ConnectProxy.start({ 'portal.example:443': there.port })
  closers.push(
    () => expect(proxy.complaints).toEqual([]),
    () => proxy.stop(),
    () => there.stop(),
  )
})

class Refused extends Error {
  constructor(readonly failure: Failure) {
    super(failure.code)
  }
}

type More = Partial<AgentParts> & { readonly known?: Readonly<Record<string, Addresses>> }

const through = (excluded = '', host = '127.0.0.1'): AgentParts['proxies'] => {
  const own = { host, port: proxy.port, authorization }
  return { https: own, http: own, excluded: exclusions(excluded, () => undefined)! }
}

function agentFor(url: string, { known = {}, proxies = through(), ...more }: More = {}) {
  const agent = createAgent(new URL(url), {
    proxies,
    names: {
      addressesOf({ host }) {
        lookedUp.push(host)
        return known[host] ?? { step: 'resolve', code: 'host-unknown' }
      },
    },
    clock,
    connectTimeout: 5,
    errorOf: failure => new Refused(failure),
    tls: { secureContext: createSecureContext({ ca: certificate.cert }) },
    ...more,
  })
  closers.push(() => agent.destroy())
  return agent
}

/** Sends GET, and resolves with status and text. */
function ask(url: string, more?: More, agent = agentFor(url, more)): Promise<[number | undefined, string]> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? requestHttps : requestHttp
    request(url, { agent }, async response => resolve([response.statusCode, await text(response)]))
      .on('error', reject)
      .end()
  })
}

async function isAnswered(asked: ReturnType<typeof ask>, endpoint: ScriptedEndpoint): Promise<void> {
  ;(await endpoint.request()).send(200, 'text')
  expect(await asked).toEqual([200, 'text'])
}

async function failureOf(asked: Promise<unknown>): Promise<Failure> {
  const error = await asked.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof Refused)) throw error
  return error.failure
}

const codesOf = ({ step, code, cause }: Failure) => `${step} ${code} ${codeOf(cause)}`

test('TLS to a server that chooses its own modulus is not made', async () => {
  const dhe = { ciphers: 'DHE-RSA-AES128-GCM-SHA256', dhparam: 'auto', maxVersion: 'TLSv1.2' } as const
  const shown = makeCertificate(['IP:127.0.0.1'], { rsa: true })
  const server = createServer({ ...shown, ...dhe }).on('tlsClientError', () => {})
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  closers.push(() => server.close())
  const { port } = server.address() as AddressInfo
  const asked = ask(`https://127.0.0.1:${port}/`, { proxies: noProxies, tls: {} })
  await expect(asked).rejects.toThrow(/handshake failure/i)
})

describe('a request to an https URL through a proxy', () => {
  test('reaches its target in a tunnel, and only the proxy looks up the name', async () => {
    const asked = ask('https://portal.example/a?b=c')
    const request = await there.request()
    expect(request.message).toMatchObject({ method: 'GET', url: '/a?b=c' })
    expect(request.message.headers).toMatchObject({ host: 'portal.example' })
    expect(request.message.headers).not.toHaveProperty('proxy-authorization')
    request.send(200, 'text')
    expect(await asked).toEqual([200, 'text'])
    expect(proxy.asked).toEqual(['portal.example:443'])
    expect([...proxy.accounts]).toEqual([authorization])
    expect(lookedUp).toEqual([])
    expect(clock.pending).toBe(0)
  })

  test('can use the same tunnel as the request before', async () => {
    const url = 'https://portal.example/'
    const agent = agentFor(url, { options: { keepAlive: true } })
    for (const text of ['one', 'two']) {
      const asked = ask(url, {}, agent)
      const request = await there.request()
      request.send(200, text)
      expect(await asked).toEqual([200, text])
      await request.over
    }
    expect(proxy.asked).toHaveLength(1)
    agent.destroy()
    await eventually('both connections are closed', () => proxy.open === 0)
  })

  test('fails if the certificate is for another name, and sends nothing', async () => {
    proxy.ways.set('other.example:443', there.port)
    await expect(ask('https://other.example/')).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    expect(there.isAsked).toBe(false)
  })
})

test('a request to an http URL also uses a tunnel', async () => {
  const plain = await ScriptedEndpoint.start()
  closers.push(() => plain.stop())
  proxy.ways.set('portal.example:5280', plain.port)
  await isAnswered(ask('http://portal.example:5280/bosh'), plain)
  expect(proxy.asked).toEqual(['portal.example:5280'])
})

test.each([
  ['that NO_PROXY excludes', 'portal.example', { proxies: 'portal.example' }],
  ['to a name of this machine', 'localhost', { proxies: '' }],
])('a request goes without the proxy %s', async (_what, host, { proxies }) => {
  const plain = await ScriptedEndpoint.start()
  closers.push(() => plain.stop())
  const known = { [host]: ['127.0.0.1'] }
  await isAnswered(ask(`http://${host}:${plain.port}/`, { proxies: through(proxies), known }), plain)
  expect(proxy.asked).toEqual([])
  expect(lookedUp).toEqual([host])
})

describe('a proxy that opens no tunnel causes a clear error:', () => {
  const ok = 'HTTP/1.1 200 OK\r\n'
  const needsAccount = '407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"'

  test.each<[string, string, string, Refusal]>([
    ['502', 'http-502', '', refusing('502 Bad Gateway')],
    ['403', 'http-403', ' It must allow CONNECT to this host and port.', refusing('403 Forbidden')],
    ['407', 'http-407', ' Check the user and password of the proxy.', refusing(needsAccount)],
    ['a redirect', 'http-302', '', refusing('302 Found\r\nLocation: http://127.0.0.1/')],
    ['a closed connection', 'ECONNRESET', '', socket => socket.destroy()],
    ['an answer that is not HTTP', 'HPE_INVALID_CONSTANT', '', socket => socket.end('SSH-2.0-x\r\n\r\n')],
    ['a long head', 'HPE_HEADER_OVERFLOW', '', socket => socket.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`)],
    ['bytes before the request', 'early-data', '', socket => socket.write(`${ok}\r\n${ok}Content-Length: 0\r\n\r\n`)],
  ])('%s', async (_what, code, advice, refusal) => {
    proxy.refusal = refusal
    const failure = await failureOf(ask('https://portal.example/'))
    expect(codesOf(failure)).toBe(`connect remote-connection-failed proxy-${code}`)
    expect(failure.detail).toBe(`The proxy in HTTPS_PROXY or HTTP_PROXY opened no connection: ${code}.${advice}`)
    expect(there.isAsked).toBe(false)
    expect(clock.pending).toBe(0)
    const { cause } = failure as { cause: Error }
    for (const text of [JSON.stringify(failure), JSON.stringify(cause), String(cause.stack), failure.detail])
      for (const secret of [account.user, account.password, authorization]) expect(text).not.toContain(secret)
    await eventually('the connection is closed', () => proxy.open === 0)
  })

  test('silence, after the time to connect', async () => {
    proxy.refusal = () => {}
    const failure = failureOf(ask('https://portal.example/'))
    await eventually('the proxy is asked', () => proxy.asked.length === 1)
    clock.advance(5_000)
    expect(codesOf(await failure)).toBe('connect timeout proxy-timeout')
    expect(clock.pending).toBe(0)
  })

  test('a fault in the look-up of its name', async () => {
    const names = { addressesOf: () => Promise.reject(new Error('not foreseen')) }
    await expect(ask('https://portal.example/', { proxies: through('', 'proxy.example'), names })).rejects.toThrow(
      'not foreseen',
    )
  })

  test('an unknown name, or no connection', async () => {
    const failure = await failureOf(ask('https://portal.example/', { proxies: through('', 'proxy.example') }))
    expect(codesOf(failure)).toBe('connect remote-connection-failed proxy-host-unknown')
    expect(lookedUp).toEqual(['proxy.example'])
    const proxies = through()
    await proxy.stop()
    const refused = codesOf(await failureOf(ask('https://portal.example/', { proxies })))
    expect(refused).toBe('connect remote-connection-failed proxy-ECONNREFUSED')
    proxy = await ConnectProxy.start()
  })
})

describe('if only public addresses are allowed, a proxy', () => {
  const ask9 = (known: Readonly<Record<string, Addresses>>) =>
    ask('https://portal.example/', { publicOnly: true, known })

  test('is not asked for a private address', async () => {
    for (const address of ['10.0.0.1', '127.0.0.1', '::1', '169.254.169.254'])
      expect(codesOf(await failureOf(ask9({ 'portal.example': [address] })))).toBe(
        'connect address-not-allowed undefined',
      )
    for (const host of ['10.0.0.1', '[::ffff:10.0.0.1]'])
      expect(() => agentFor(`https://${host}/`, { publicOnly: true })).toThrow('address-not-allowed')
    expect(proxy.asked).toEqual([])
  })

  test('is asked for addresses that were checked, not for the name', async () => {
    proxy.ways.set('198.41.0.4:443', there.port)
    const asked = ask9({ 'portal.example': ['2001:503:ba3e::2:30', '10.0.0.1', '198.41.0.4'] })
    const request = await there.request()
    expect(request.message.headers.host).toBe('portal.example')
    request.send(200, 'text')
    expect(await asked).toEqual([200, 'text'])
    expect(proxy.asked).toEqual(['[2001:503:ba3e::2:30]:443', '198.41.0.4:443'])
  })

  test('may have a private address itself', async () => {
    proxy.ways.set('198.41.0.4:443', there.port)
    const known = { 'portal.example': ['198.41.0.4'], 'proxy.example': ['127.0.0.1'] }
    const proxies = through('', 'proxy.example')
    await isAnswered(ask('https://portal.example/', { publicOnly: true, known, proxies }), there)
  })
})

test.each([
  ['of the target', 'portal.example', noProxies],
  ['of the proxy', 'proxy.example', undefined],
])('of several addresses %s, the first of which refuses, the next is used', async (_what, name, direct) => {
  const proxies = direct ?? through('', 'proxy.example')
  const known = { [name]: ['127.0.0.99', '127.0.0.1'] }
  const port = direct === undefined ? 443 : there.port
  await isAnswered(ask(`https://portal.example:${port}/`, { proxies, known }), there)
  expect(clock.pending).toBe(0)
})
