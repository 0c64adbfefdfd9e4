// Processes of one service that are joined by NATS only, started as operators do.
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { testConnectOfProcesses } from '../support/connect-of-processes.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { joinedIn } from '../support/joined-lines.js'
import { testRest } from '../support/matrix.js'
import { type NatsServer, natsPassword, startNatsServer } from '../support/nats-server.js'
import { Operator } from '../support/operated-service.js'
import { scrape } from '../support/scrape.js'
import { adminHeader, startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'

describeWith(['nats-server'], 'A service with NATS', () => {
  let xmpp: DemoServer
  let nats: NatsServer
  const services: TestService[] = []
  const operators: Operator[] = []

  beforeAll(async () => {
    xmpp = await startDemoServer({ alice: 'wonderland' })
    nats = await startNatsServer()
  })

  afterEach(async () => {
    await Promise.all(services.splice(0).map(service => service.stop()))
    for (const operator of operators.splice(0)) operator.leave()
  })

  afterAll(async () => {
    await xmpp.stop()
    await nats.remove()
  })

  async function start(environment: Record<string, string> = {}): Promise<TestService> {
    const service = await startTestService({
      servers: `localhost=xmpp://127.0.0.1:${xmpp.port}?tls=none`,
      environment: { NATS_URL: nats.url(), ...environment },
    })
    services.push(service)
    return service
  }

  function operate(environment: Record<string, string>, ...args: string[]) {
    const operator = new Operator()
    operators.push(operator)
    const settings = {
      PORT: '0',
      METRICS_ADDRESS: 'none',
      ADMIN_USERS: 'portal:s3cret',
      XMPP_DOMAINS: 'localhost',
    }
    return operator.start({ ...settings, ...environment }, ...args)
  }

  const joined = ({ lines }: TestService) => joinedIn(lines) > 0

  test('has the expiry of the certificate of NATS in its metrics', async () => {
    const secure = await startNatsServer({ tls: true })
    const folder = mkdtempSync(join(tmpdir(), 'wb-nats-service-'))
    try {
      writeFileSync(join(folder, 'ca.pem'), secure.certificate!)
      const tls = { NATS_URL: secure.url(), NATS_TLS_CA: join(folder, 'ca.pem') }
      const { service } = await start({ ...tls, METRICS_ADDRESS: '127.0.0.1:0' })
      const { samples } = await scrape(service.metricsUrl)
      const expiry = Date.parse(new X509Certificate(secure.certificate!).validTo) / 1000
      expect(samples.get('warm_bindings_tls_certificate_not_after_seconds{certificate="nats"}')).toBe(expiry)
      await services.pop()!.stop()
    } finally {
      await secure.remove()
      rmSync(folder, { recursive: true })
    }
  })

  test('shows and ends a session of another process', async () => {
    const [one, other] = [await start(), await start()]
    await eventually('they know each other', () => joined(one) && joined(other))
    const { id } = await one.bind({ jid: 'alice@localhost', password: 'wonderland' })
    const call = (method: 'GET' | 'DELETE') =>
      ask(`${other.url}/warm/${id}`, {
        method,
        agent: false,
        headers: { Authorization: adminHeader, Accept: 'application/json' },
      })
    expect((await call('GET')).status).toBe(200)
    expect((await call('DELETE')).status).toBe(204)
    expect(one.service.counts().sessions).toBe(0)
  })

  describe('has pages with a token', () => {
    testConnectOfProcesses(async environment => {
      const [one, other] = [await start(environment), await start(environment)]
      await eventually('they know each other', () => joined(one) && joined(other))
      return {
        urls: [one.url, other.url],
        stop: async () => void (await Promise.all(services.splice(0).map(service => service.stop()))),
      }
    })
  })

  testRest('exits with 1 and names NATS_URL if NATS rejects the password', async () => {
    const service = operate({ NATS_URL: nats.url('warm-bindings:wr0ng') })
    expect(await service.exit).toBe(1)
    expect(service.stderr).toContain('NATS_URL leads to a NATS that refuses this service')
    expect(service.stdout + service.stderr).not.toContain('wr0ng')
  })

  test('starts without NATS, connects later, and logs no password', async () => {
    const late = await startNatsServer()
    try {
      await late.stop()
      const service = operate({ NATS_URL: late.url() })
      await service.url()
      expect(service.stdout).toContain('NATS cannot be reached')
      await late.start()
      await eventually('it is connected', () => service.stdout.includes('NATS is connected'))
      service.signal('SIGTERM')
      expect(await service.exit).toBe(0)
      expect(service.stdout + service.stderr).not.toContain(natsPassword)
    } finally {
      await late.remove()
    }
  })

  test('joins its workers with those of another machine', async () => {
    const [one, other] = [1, 2].map(() => operate({ NATS_URL: nats.url(), WORKERS: '2' })) as [
      ReturnType<typeof operate>,
      ReturnType<typeof operate>,
    ]
    await Promise.all([one.url(), other.url()])
    const joins = () => joinedIn(one.stdout.split('\n'))
    // Each of its two workers is joined by three others.
    await eventually('all are known', () => joins() >= 6)
    expect(joins()).toBe(6)
  })
})
