// How the service is reached: addresses, ports, certificates and connection limits.
// Runs in npm run test:all only: ten seconds.
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { DEFAULT_MIN_VERSION } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/command/demo/server.js'
import { BoshClient } from '../support/bosh-client.js'
import { type Credentials, makeCertificate } from '../support/certificates.js'
import { calledAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { ensureBuilt, Operator } from '../support/operated-service.js'
import { freePorts } from '../support/ports.js'
import { scrape } from '../support/scrape.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { TlsVisitor } from '../support/tls-visitor.js'

const run = promisify(execFile)
const alice = { jid: 'alice@localhost', password: 'wonderland' }
const ping = "<iq xmlns='jabber:client' type='get' id='p1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"

let server: DemoServer
const { folder } = testFolder()
let first: Credentials
let second: Credentials
let renewed: Credentials
const closers = calledAfterEach()

beforeAll(async () => {
  server = await startDemoServer({ alice: 'wonderland' })
  first = makeCertificate(['DNS:localhost', 'IP:127.0.0.1'])
  second = makeCertificate(['DNS:*.example.org'])
  const names = ['DNS:localhost', 'IP:127.0.0.1', 'DNS:renewed.example']
  // A lookup of an issuer by name would find the first certificate.
  renewed = makeCertificate(names, { commonName: 'renewed' })
})

afterAll(() => server.stop())

const servers = () => `localhost=xmpp://127.0.0.1:${server.port}?tls=none`

/** The settings of a https listener with the two certificates, on a free port. */
function tls(): Record<string, string> {
  const at = (name: string, { cert, key }: Credentials) => {
    writeFileSync(join(folder, `${name}.crt`), cert)
    writeFileSync(join(folder, `${name}.key`), key)
    return join(folder, `${name}.crt`)
  }
  return { HTTPS_PORT: '0', TLS_CERT: `${at('first', first)},${at('second', second)}` }
}

async function start(environment: Record<string, string>): Promise<TestService> {
  const service = await startTestService({ servers: servers(), environment })
  closers.push(() => service.stop())
  return service
}

/** A client that trusts all of the certificates. */
function visit(url: string): TlsVisitor {
  const visitor = new TlsVisitor(url, [first.cert, second.cert, renewed.cert])
  closers.push(() => visitor.leave())
  return visitor
}

const secureUrl = ({ service }: TestService) => service.urls.find(url => url.startsWith('https:'))!

describe('over TLS', () => {
  test('a session is warmed, and its page uses the returned https URL', async () => {
    const service = await start(tls())
    const visitor = visit(secureUrl(service))
    const binding = await visitor.warm(alice)
    expect(binding.url).toBe(`${secureUrl(service)}/http-bind`)
    const page = visitor.attach(binding)
    expect(await page.request(ping)).toContain("id='p1'")
    await page.terminate()
  })

  test('each client gets the certificate of the requested name', async () => {
    const visitor = visit(secureUrl(await start(tls())))
    expect(await visitor.shown('chat.example.org')).toBe('DNS:*.example.org')
    expect(await visitor.shown('localhost')).toContain('DNS:localhost')
    expect(await visitor.shown('other.example')).toContain('DNS:localhost')
    expect(await visitor.shown('')).toContain('DNS:localhost')
  })

  test('versions below TLS_MIN_VERSION are rejected', async () => {
    // An old version works only if its signatures are allowed too.
    const only = (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
      ({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }) as const
    expect(DEFAULT_MIN_VERSION).toBe('TLSv1.2')
    const usual = visit(secureUrl(await start(tls())))
    await expect(usual.shown('localhost', only('TLSv1.1'))).rejects.toThrow(/protocol version/)
    await expect(usual.shown('localhost', only('TLSv1.2'))).resolves.toContain('localhost')
    const strict = visit(secureUrl(await start({ ...tls(), TLS_MIN_VERSION: '1.3' })))
    for (const name of ['localhost', 'chat.example.org']) {
      await expect(strict.shown(name, only('TLSv1.2'))).rejects.toThrow(/protocol version/)
      await expect(strict.shown(name, only('TLSv1.3'))).resolves.toBeDefined()
    }
  })

  test('only TLS_CIPHERS are accepted', async () => {
    const environment = { ...tls(), TLS_CIPHERS: 'ECDHE-ECDSA-AES256-GCM-SHA384' }
    const visitor = visit(secureUrl(await start(environment)))
    const only = (ciphers: string) => ({ maxVersion: 'TLSv1.2', ciphers }) as const
    await expect(visitor.shown('localhost', only('ECDHE-ECDSA-AES128-GCM-SHA256'))).rejects.toThrow(/handshake/)
    await expect(visitor.shown('localhost', only('ECDHE-ECDSA-AES256-GCM-SHA384'))).resolves.toBeDefined()
  })

  test('a client that never starts the handshake does not block others', async () => {
    const service = await start(tls())
    const { hostname, port } = new URL(secureUrl(service))
    const silent = connect(Number(port), hostname)
    closers.push(() => void silent.destroy())
    await once(silent, 'connect')
    expect((await visit(secureUrl(service)).ask('GET', '/')).status).toBe(200)
  })
})

describe('plain HTTP beside HTTPS', () => {
  test('is redirected to HTTPS, unless the Host header is invented', async () => {
    const [port] = (await freePorts(1)) as [number]
    const environment = { ...tls(), HTTPS_PORT: String(port), HOST: '0.0.0.0', REQUIRE_SECURE: 'on' }
    const { url } = await start(environment)
    const plain = `http://127.0.0.1:${new URL(url).port}`
    const secure = `https://127.0.0.1:${port}`
    for (const path of ['/', '/warm', '/http-bind']) {
      const { status, headers } = await ask(plain + path, { agent: false })
      expect([status, headers['location']]).toEqual([308, secure + path])
    }
    const client = new BoshClient(`${plain}/http-bind`)
    closers.push(() => client.close())
    const refused = await client.request('', { to: 'localhost', wait: '5', hold: '1', ver: '1.6' })
    expect(refused).toContain(`<uri>${secure}/http-bind</uri>`)
    const made = { agent: false, headers: { Host: 'evil.example' } }
    for (const [path, status] of [
      ['/', 200],
      ['/warm', 403],
      ['/http-bind', 200],
    ] as const) {
      const answer = await ask(plain + path, made)
      expect([answer.status, answer.headers['location']]).toEqual([status, undefined])
    }
    const body = "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='localhost' ver='1.6'/>"
    const { text } = await ask(`${plain}/http-bind`, { ...made, method: 'POST' }, body)
    expect(text).toContain("condition='policy-violation'")
    // The settings contain no URL.
    expect((await ask(`${plain}/.well-known/host-meta.json`, { agent: false })).status).toBe(404)
    const page = visit(secure)
    expect((await page.ask('GET', '/http-bind')).status).toBe(200)
    expect((await page.warm(alice)).url).toBe(`${secure}/http-bind`)
  })
})

describe('a reload of certificates', () => {
  test('changes when they expire in the metrics', async () => {
    const service = await start({ ...tls(), METRICS_ADDRESS: '127.0.0.1:0' })
    const at = (name: string) => join(folder, `${name}.crt`)
    const expiries = async () => {
      const { samples } = await scrape(service.service.metricsUrl)
      const of = (name: string) =>
        samples.get(`warm_bindings_tls_certificate_not_after_seconds{certificate="${at(name)}"}`)
      return [of('first'), of('second')]
    }
    const expiry = ({ cert }: Credentials) => Date.parse(new X509Certificate(cert).validTo) / 1000
    expect(await expiries()).toEqual([expiry(first), expiry(second)])
    const old = makeCertificate(['DNS:localhost'], { expired: true })
    writeFileSync(at('first'), old.cert)
    writeFileSync(join(folder, 'first.key'), old.key)
    service.service.reload()
    expect(await expiries()).toEqual([Date.UTC(2020, 0, 2) / 1000, expiry(second)])
    writeFileSync(at('first'), 'half a fi')
    service.service.reload()
    expect(await expiries()).toEqual([Date.UTC(2020, 0, 2) / 1000, expiry(second)])
  })
})

describe('if the system lists no addresses, as in a sandbox without AF_NETLINK', () => {
  const broken =
    "import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module';" +
    "os.networkInterfaces = () => { throw new Error('Unknown system error 97') }; syncBuiltinESMExports()"
  const operator = Operator.ofEachTest()

  test('a session is warmed at the requested host, and host-meta returns 404', async () => {
    const [port] = (await freePorts(1)) as [number]
    const service = operator.start({
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(broken)}`,
      ...{ METRICS_ADDRESS: 'none', ADMIN_USERS: 'admin:admin-secret', XMPP_DOMAINS: 'localhost' },
      ...{ HOST: '0.0.0.0', PORT: 'off', XMPP_SERVERS: servers(), ...tls(), HTTPS_PORT: String(port) },
    })
    const visitor = visit((await service.url()).replace('0.0.0.0', '127.0.0.1'))
    expect((await visitor.warm(alice)).url).toBe(`https://127.0.0.1:${port}/http-bind`)
    const { status } = await visitor.ask('GET', '/.well-known/host-meta', { Host: `203.0.113.1:${port}` })
    expect(status).toBe(404)
    expect(service.stdout).not.toContain('not foreseen')
  })
})

describe('on several addresses', () => {
  const hasIpv6 = Object.values(networkInterfaces()).some(list => list?.some(({ address }) => address === '::1'))
  const hosts = ['127.0.0.1', '127.0.0.2', ...(hasIpv6 ? ['::1'] : [])]

  test('the service serves the same sessions at each', async () => {
    const { service, bind } = await start({ HOST: hosts.join() })
    const written = hosts.map(host => (host.includes(':') ? `[${host}]` : host))
    expect(service.urls.map(url => new URL(url).hostname)).toEqual(written)
    const { sid, rid } = await bind(alice)
    const pages = service.urls.map((url, index) => {
      const page = new BoshClient(`${url}/http-bind`, { sid, rid: rid + index })
      closers.push(() => page.close())
      return page
    })
    for (const page of pages) expect(await page.request(ping)).toContain("id='p1'")
  })

  test('all addresses can share a port, also with a wildcard address', async () => {
    const [port] = (await freePorts(1)) as [number]
    const { service } = await start({ HOST: hasIpv6 ? '0.0.0.0,::' : hosts.join(), PORT: String(port) })
    for (const url of service.urls) expect((await ask(url, { agent: false })).status).toBe(200)
  })

  test('no port stays open if another address is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.2')
    closers.push(() => void taken.close())
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    await expect(start({ HOST: '127.0.0.1,127.0.0.2', PORT: String(port) })).rejects.toThrow('EADDRINUSE')
    const free = createServer().listen(port, '127.0.0.1')
    await once(free, 'listening')
    free.close()
  })
})

test('no port stays open if the address of the metrics, or the port beside it, is in use', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  closers.push(() => void taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const listening = () => process.getActiveResourcesInfo().filter(name => name === 'TCPServerWrap').length
  const before = listening()
  await expect(start({ METRICS_ADDRESS: `127.0.0.1:${port}` })).rejects.toThrow(
    `METRICS_ADDRESS is 127.0.0.1:${port}, which another program uses`,
  )
  await expect(start({ METRICS_ADDRESS: '127.0.0.1:0', PORT: String(port) })).rejects.toThrow('EADDRINUSE')
  // Services of earlier tests may have been counted before they closed.
  await eventually('no new port is open', () => listening() <= before)
})

describe('the health check of a container finds the service', () => {
  const script = fileURLToPath(new URL('../../dist/command/health-check.js', import.meta.url))
  const check = (environment: Record<string, string>) =>
    run(process.execPath, [script], { env: environment }).then(
      () => 'well',
      () => 'not well',
    )

  test.each([
    ['at its port', { HOST: '127.0.0.1' }, 'PORT'],
    ['on every address', { HOST: '0.0.0.0' }, 'PORT'],
    ['at one of several addresses', { HOST: '127.0.0.2, 127.0.0.1' }, 'PORT'],
    ['with HTTPS only', { PORT: 'off' }, 'HTTPS_PORT'],
    ['with HTTPS only, at HTTPS_HOST', { PORT: 'off', HOST: '192.0.2.1', HTTPS_HOST: '127.0.0.2' }, 'HTTPS_PORT'],
  ])('%s', async (_what, given, name) => {
    // Runs as built, like the service of an operator.
    ensureBuilt()
    const [port] = (await freePorts(1)) as [number]
    const environment = { ...given, [name]: String(port) }
    expect(await check(environment)).toBe('not well')
    await start(name === 'PORT' ? environment : { ...tls(), ...environment })
    expect(await check(environment)).toBe('well')
  })

  test.each(['off', 'on'])('if all clients need a certificate, with PROXY_PROTOCOL=%s', async PROXY_PROTOCOL => {
    const [port] = (await freePorts(1)) as [number]
    const { cert } = makeCertificate([], { commonName: 'authority' })
    writeFileSync(join(folder, 'clients.ca'), cert)
    const auth = { TLS_CLIENT_AUTH: 'all', TLS_CLIENT_CA: join(folder, 'clients.ca') }
    const environment = { PORT: 'off', HTTPS_PORT: String(port), PROXY_PROTOCOL, ...auth }
    expect(await check(environment)).toBe('not well')
    await start({ ...tls(), ...environment })
    expect(await check(environment)).toBe('well')
  })

  test('at the port in HOST', async () => {
    const [port] = (await freePorts(1)) as [number]
    const environment = { HOST: `127.0.0.2:${port}` }
    await start(environment)
    expect(await check(environment)).toBe('well')
  })
})

test('idle connections stay open for 75 s on every listener and path, longer than at common proxies', async () => {
  const service = await start(tls())
  const agent = new Agent({ keepAlive: true })
  closers.push(() => agent.destroy())
  const secure = visit(secureUrl(service))
  for (const [method, path] of [
    ['GET', '/healthz'],
    ['GET', '/'],
    ['POST', '/http-bind'],
  ] as const) {
    const plain = await ask(service.url + path, { method, agent })
    for (const { headers } of [plain, await secure.ask(method, path)])
      expect([path, headers.connection, headers['keep-alive']]).toEqual([path, 'keep-alive', 'timeout=75'])
  }
})

describe('with connection limits', () => {
  /** Connects and sends a request. Whether the service answers, or closes the connection. */
  async function stays(url: string, localAddress: string): Promise<boolean> {
    const socket: Socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), localAddress })
    closers.push(() => void socket.destroy())
    socket.on('error', () => {})
    // A response means that the connection was accepted.
    socket.write('GET /assets/none HTTP/1.1\r\nHost: x\r\n\r\n')
    return Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)])
  }

  test('connections above MAX_CONNECTIONS are closed, and sessions continue', async () => {
    const service = await start({ MAX_CONNECTIONS: '3', TRUSTED_PROXIES: 'none' })
    const binding = await service.bind(alice)
    const page = new BoshClient(binding.url, binding)
    closers.push(() => page.close())
    await page.request("<presence xmlns='jabber:client'/>")
    const held = page.request()
    await page.request(ping)
    await held
    const answers = []
    for (const _each of [1, 2, 3, 4]) answers.push(await stays(service.url, '127.0.0.1'))
    expect(answers).toEqual([true, false, false, false])
    expect(await page.request(ping)).toContain("id='p1'")
  })

  test('TLS connections count before the handshake, and no longer after they close', async () => {
    const service = await start({ MAX_CONNECTIONS_PER_ADDRESS: '1', TRUSTED_PROXIES: 'none', ...tls() })
    const url = secureUrl(service)
    const silent = connect(Number(new URL(url).port), '127.0.0.1')
    closers.push(() => void silent.destroy())
    await once(silent, 'connect')
    await expect(visit(url).shown('localhost')).rejects.toThrow()
    silent.destroy()
    const isWelcome = () =>
      visit(url)
        .shown('localhost')
        .then(
          () => true,
          () => false,
        )
    // The service notices a disconnect only after a while. Each visit ends before the next.
    for (const _each of [1, 2]) await eventually('a client is welcome', isWelcome)
  })
})
