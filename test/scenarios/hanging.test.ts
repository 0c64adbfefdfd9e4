import { X509Certificate } from 'node:crypto'
import { beforeAll, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { stoppedAfterAll } from '../support/closers.js'
import { type LoginServer, type Stage, stages, startLoginServer, type Turn } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'
import { scrape } from '../support/scrape.js'

const moreFeatures = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"
const certificate = makeCertificate(['DNS:*.tls.example'])

/** The step of a login at which nothing more arrives. */
const stepAt: Record<Stage, string> = {
  connect: 'tls',
  header: 'tls',
  starttls: 'tls',
  proceed: 'tls',
  features: 'features',
  challenge: 'sasl',
  success: 'sasl',
  restart: 'bind',
  features2: 'bind',
  bind: 'bind',
  session: 'bind',
}

let servers: LoginServer[]
let service: WatchedService
const stopped = stoppedAfterAll()
const reached = new Set<Stage>()

beforeAll(async () => {
  servers = await Promise.all(
    stages.map(stage => stopped(startLoginServer({ domain: `${stage}.tls.example`, certificate, moreFeatures }))),
  )
  for (const [index, stage] of stages.entries()) {
    // A server that does not answer at `connect` does not read either.
    servers[index]!.script = {
      [stage]: ({ connection }: Turn) => {
        reached.add(stage)
        if (stage === 'connect') connection.deafen()
      },
    }
  }
  const environment = { WARM_TIMEOUT: '3', METRICS_ADDRESS: '127.0.0.1:0', LOG_LEVEL: 'warn,c2s=debug' }
  service = await stopped(startWatchedService(servers, environment))
})

test('a server that stops answering at any step causes 504 after two thirds of WARM_TIMEOUT, and its connection is closed', async () => {
  const answers: Awaited<ReturnType<WatchedService['problem']>>[] = []
  const told = await Promise.all(
    stages.map(async stage => {
      for (;;) {
        const started = performance.now()
        const answer = await service.problem({ jid: `alice@${stage}.tls.example`, password: 'Pa55-of-alice' })
        expect(performance.now() - started).toBeGreaterThan(1950)
        answers.push(answer)
        // On a busy machine a login may end at an earlier step.
        if (reached.has(stage)) return answer
      }
    }),
  )
  expect(told).toEqual(stages.map(stage => ({ status: 504, code: 'timeout', step: stepAt[stage] })))
  expect(service.service.counts().sessions).toBe(0)
  const { samples } = await scrape(service.service.metricsUrl)
  const logged = service.lines.map(line => JSON.parse(line)).filter(({ msg }) => msg === 'a link ended')
  for (const step of new Set(Object.values(stepAt))) {
    const count = answers.filter(answer => answer.step === step).length
    expect(samples.get(`warm_bindings_c2s_failures_total{step="${step}",code="timeout"}`)).toBe(count)
    expect(logged.filter(line => line.step === step && line.code === 'timeout')).toHaveLength(count)
  }
  const name = 'warm_bindings_tls_certificate_not_after_seconds{certificate="xmpp:features.tls.example"}'
  expect(samples.get(name)).toBe(Date.parse(new X509Certificate(certificate.cert).validTo) / 1000)
  await service.emptied()
  expect(servers.flatMap(({ complaints }) => complaints)).toEqual([])
})
