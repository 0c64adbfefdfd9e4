import { X509Certificate } from 'node:crypto'
import { afterEach, describe, expect, test } from '@jest/globals'
import { unreachable } from '../../src/xmpp/stream-errors.js'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { type LoginServerOptions, startLoginServer } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'
import { scrape } from '../support/scrape.js'
import { adminHeader } from '../support/start-service.js'

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A server and the service in front of it. `reach` returns XMPP_SERVERS if the default is not enough. */
async function started(options: Partial<LoginServerOptions>, reach?: (port: number) => string) {
  const server = await startLoginServer({ domain: 'chat.example', ...options })
  closers.push(() => server.stop())
  const environment: Record<string, string> = reach ? { XMPP_SERVERS: reach(server.port) } : {}
  const service = await startWatchedService([server], environment)
  closers.push(() => service.stop())
  return { server, service }
}

/** Warms a session and ends it, because a service with sessions stops slowly. */
async function warm(service: WatchedService) {
  const answer = await service.warm({ jid: 'alice@chat.example', password: 'Pa55-of-alice' })
  if (answer.status === 200) {
    const client = new BoshClient(`${service.url}/http-bind`, JSON.parse(answer.text))
    await client.terminate()
    client.close()
    await service.emptied()
  }
  return answer
}
const problem = (service: WatchedService) => service.problem({ jid: 'alice@chat.example', password: 'Pa55-of-alice' })

describe('encryption', () => {
  test('metrics have the expiry of the trusted certificate of a server', async () => {
    const certificate = makeCertificate(['DNS:chat.example'])
    const server = await startLoginServer({ domain: 'chat.example', certificate })
    closers.push(() => server.stop())
    const service = await startWatchedService([server], { METRICS_ADDRESS: '127.0.0.1:0' })
    closers.push(() => service.stop())
    expect((await warm(service)).status).toBe(200)
    const { samples } = await scrape(service.service.metricsUrl)
    const expiry = Date.parse(new X509Certificate(certificate.cert).validTo) / 1000
    expect(samples.get('warm_bindings_tls_certificate_not_after_seconds{certificate="xmpp:chat.example"}')).toBe(expiry)
  })

  test('a certificate without a trusted authority is rejected, and the warm API returns the reason', async () => {
    const { server, service } = await started({ certificate: makeCertificate(['DNS:chat.example']), trusted: false })
    const told = 'It is self-signed. In XMPP_SERVERS, add ?ca'
    expect(await problem(service)).toEqual({ status: 502, code: 'certificate-invalid', step: 'tls' })
    const { text } = await warm(service)
    expect(JSON.parse(text).detail).toContain(told)
    const type = 'application/x-www-form-urlencoded'
    const headers = { Authorization: adminHeader, 'Content-Type': type, Accept: 'text/html' }
    const form = { headers, body: 'jid=alice%40chat.example&password=x' }
    const page = await service.call('/warm', { method: 'POST', ...form })
    expect(page.text).toContain(told)
    expect(page.text).toContain('<dd class="code">certificate-invalid</dd>')
    const client = new BoshClient(`${service.url}/http-bind`)
    const asked = {
      to: 'chat.example',
      'xml:lang': 'en',
      wait: '5',
      hold: '1',
      ver: '1.6',
      'xmpp:version': '1.0',
    }
    expect(await client.request('', { ...asked, 'xmlns:xmpp': 'urn:xmpp:xbosh' })).toMatch(
      new RegExp(`^<body type='terminate' condition='remote-connection-failed' [^>]*><text>${unreachable}</text>`),
    )
    client.close()
    await service.emptied()
    expect(server.last.attempts).toBe(0)
  })
})
