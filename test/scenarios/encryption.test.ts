import { X509Certificate } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { startLoginServer } from '../support/login-server/server.js'
import { startWatchedService } from '../support/login-server/watched-service.js'
import { scrape } from '../support/scrape.js'

test('metrics have the expiry of the trusted certificate of a server', async () => {
  const certificate = makeCertificate(['DNS:chat.example'])
  const server = await startLoginServer({ domain: 'chat.example', certificate })
  const service = await startWatchedService([server], { METRICS_ADDRESS: '127.0.0.1:0' })
  const { status, text } = await service.warm({ jid: 'alice@chat.example', password: 'Pa55-of-alice' })
  expect(status).toBe(200)
  const { samples } = await scrape(service.service.metricsUrl)
  const expiry = Date.parse(new X509Certificate(certificate.cert).validTo) / 1000
  expect(samples.get('warm_bindings_tls_certificate_not_after_seconds{certificate="xmpp:chat.example"}')).toBe(expiry)
  // A service with sessions stops slowly.
  const client = new BoshClient(`${service.url}/http-bind`, JSON.parse(text))
  await client.terminate()
  client.close()
  await service.stop()
  await server.stop()
})
