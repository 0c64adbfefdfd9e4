// How the service is reached: addresses, ports, certificates and connection limits.
// Runs in npm run test:all only: ten seconds.
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { type Credentials, makeCertificate } from '../support/certificates.js'
import { calledAfterEach, stoppedAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { ensureBuilt } from '../support/operated-service.js'
import { freePorts } from '../support/ports.js'
import { scrape } from '../support/scrape.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'

const run = promisify(execFile)
const alice = { jid: 'alice@localhost', password: 'wonderland' }
const ping = "<iq xmlns='jabber:client' type='get' id='p1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"

const { folder } = testFolder()
const first = makeCertificate(['DNS:localhost', 'IP:127.0.0.1'])
const second = makeCertificate(['DNS:*.example.org'])
const closers = calledAfterEach()
const stopped = stoppedAfterEach()

/** The settings of a https listener with the two certificates, on a free port. */
function tls(): Record<string, string> {
  const at = (name: string, { cert, key }: Credentials) => {
    writeFileSync(join(folder, `${name}.crt`), cert)
    writeFileSync(join(folder, `${name}.key`), key)
    return join(folder, `${name}.crt`)
  }
  return { HTTPS_PORT: '0', TLS_CERT: `${at('first', first)},${at('second', second)}` }
}

const start = (environment: Record<string, string>): Promise<TestService> =>
  stopped(startTestService({ demo: [{ alice: alice.password }], environment }))

/** Rejects if no connection for this name is established. */
async function shakeHands(url: string, servername = 'localhost', options: ConnectionOptions = {}): Promise<void> {
  const place = { host: '127.0.0.1', port: Number(new URL(url).port) }
  const socket = connectTls({ ...place, servername, rejectUnauthorized: false, ...options })
  await once(socket, 'secureConnect')
  socket.destroy()
}

const secureUrl = ({ service }: TestService) => service.urls.find(url => url.startsWith('https:'))!

test('versions below TLS_MIN_VERSION are rejected, whichever certificate is shown', async () => {
  // An old version works only if its signatures are allowed too.
  const only = (version: 'TLSv1.1' | 'TLSv1.2') =>
    ({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }) as const
  const usual = secureUrl(await start(tls()))
  await expect(shakeHands(usual, 'localhost', only('TLSv1.1'))).rejects.toThrow(/protocol version/)
  const strict = secureUrl(await start({ ...tls(), TLS_MIN_VERSION: '1.3' }))
  for (const name of ['localhost', 'chat.example.org'])
    await expect(shakeHands(strict, name, only('TLSv1.2'))).rejects.toThrow(/protocol version/)
})

test('a reload of certificates changes when they expire in the metrics', async () => {
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
})

const hasIpv6 = Object.values(networkInterfaces()).some(list => list?.some(({ address }) => address === '::1'))
const hosts = ['127.0.0.1', '127.0.0.2', ...(hasIpv6 ? ['::1'] : [])]

test('the service serves the same sessions at each of several addresses', async () => {
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
    ['on every address', { HOST: '0.0.0.0' }, 'PORT'],
    ['at one of several addresses', { HOST: '127.0.0.2, 127.0.0.1' }, 'PORT'],
    ['with HTTPS only, at HTTPS_HOST', { PORT: 'off', HOST: '192.0.2.1', HTTPS_HOST: '127.0.0.2' }, 'HTTPS_PORT'],
    ['if all clients need a certificate', { PORT: 'off', TLS_CLIENT_AUTH: 'all' }, 'HTTPS_PORT'],
    ['behind proxies on other machines', { PROXY_PROTOCOL: 'on', TRUSTED_PROXIES: '192.0.2.1' }, 'PORT'],
    ['also with PROXY headers', { PORT: 'off', TLS_CLIENT_AUTH: 'all', PROXY_PROTOCOL: 'on' }, 'HTTPS_PORT'],
  ])('%s', async (_what, given, name) => {
    // Runs as built, like the service of an operator.
    ensureBuilt()
    const [port] = (await freePorts(1)) as [number]
    const TLS_CLIENT_CA = join(folder, 'clients.ca')
    writeFileSync(TLS_CLIENT_CA, first.cert)
    const environment = { ...given, [name]: String(port), ...('TLS_CLIENT_AUTH' in given && { TLS_CLIENT_CA }) }
    expect(await check(environment)).toBe('not well')
    await start(name === 'PORT' ? environment : { ...tls(), ...environment })
    expect(await check(environment)).toBe('well')
  })
})

test('idle connections stay open for 75 s on every listener and path, longer than at common proxies', async () => {
  const service = await start(tls())
  const agent = new Agent({ keepAlive: true })
  const secure = new SecureAgent({ keepAlive: true, ca: [first.cert, second.cert] })
  closers.push(
    () => agent.destroy(),
    () => secure.destroy(),
  )
  for (const [method, path] of [
    ['GET', '/healthz'],
    ['GET', '/'],
    ['POST', '/http-bind'],
  ] as const) {
    const plain = await ask(service.url + path, { method, agent })
    for (const { headers } of [plain, await ask(secureUrl(service) + path, { method, agent: secure })])
      expect([path, headers.connection, headers['keep-alive']]).toEqual([path, 'keep-alive', 'timeout=75'])
  }
})

test('TLS connections count before the handshake, and no longer after they close', async () => {
  const service = await start({ MAX_CONNECTIONS_PER_ADDRESS: '1', TRUSTED_PROXIES: 'none', ...tls() })
  const url = secureUrl(service)
  const silent = connect(Number(new URL(url).port), '127.0.0.1')
  closers.push(() => void silent.destroy())
  await once(silent, 'connect')
  await expect(shakeHands(url)).rejects.toThrow()
  silent.destroy()
  const isWelcome = () =>
    shakeHands(url).then(
      () => true,
      () => false,
    )
  // The service notices a disconnect only after a while. Each visit ends before the next.
  for (const _each of [1, 2]) await eventually('a client is welcome', isWelcome)
})
