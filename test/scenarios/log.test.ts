import { afterEach, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/command/demo/server.js'
import { BoshClient } from '../support/bosh-client.js'
import { scrape } from '../support/scrape.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'

const account = { jid: 'alice@localhost', password: 'secret' }

let server: DemoServer
let service: TestService

async function start(levels: string): Promise<void> {
  server = await startDemoServer({ alice: account.password })
  const servers = {
    localhost: `xmpp://127.0.0.1:${server.port}?tls=none`,
    'dead.example': 'xmpp://127.0.0.1:1?tls=none',
    'far.example': 'http://127.0.0.1:1/http-bind',
  }
  service = await startTestService({
    servers: Object.entries(servers)
      .map(entry => entry.join('='))
      .join(),
    environment: {
      ...{ XMPP_DOMAINS: Object.keys(servers).join(), LOG_LEVEL: levels, AUDIT_LOG: 'off' },
      METRICS_ADDRESS: '127.0.0.1:0',
    },
  })
}

afterEach(async () => {
  await service.stop()
  await server.stop()
})

const lines = () => service.lines.map(line => JSON.parse(line))
const partsBelow = (level: number) => [...new Set(lines().flatMap(line => (line.level < level ? [line.part] : [])))]

describe('LOG_LEVEL for one part', () => {
  test('bosh=debug logs why each session ended', async () => {
    await start('warn,bosh=debug')
    const { sid, rid, id } = await service.bind(account)
    const client = new BoshClient(`${service.url}/http-bind`, { sid, rid })
    await client.terminate()
    client.close()
    expect(lines().filter(({ session }) => session === id)).toMatchObject([
      { level: 20, part: 'bosh', msg: 'session created' },
      {
        ...{ level: 20, part: 'bosh', msg: 'session ended', reason: 'client' },
        ...{ transport: 'bosh', address: '127.0.0.1' },
      },
    ])
    expect(partsBelow(40)).toEqual(['bosh'])
  })

  test('remote=debug logs why a request failed, and the metrics count it', async () => {
    await start('warn,remote=debug')
    await service.warm({ ...account, jid: 'alice@far.example' })
    expect(lines()).toMatchObject([
      {
        ...{ level: 20, part: 'remote', msg: 'a request failed', domain: 'far.example' },
        ...{ step: 'connect', code: 'remote-connection-failed', cause: 'ECONNREFUSED' },
      },
    ])
    const { samples } = await scrape(service.service.metricsUrl)
    const failure = '{step="connect",code="remote-connection-failed"}'
    expect(samples.get(`warm_bindings_remote_failures_total${failure}`)).toBe(1)
    expect(samples.get(`warm_bindings_c2s_failures_total${failure}`)).toBe(1)
  })

  test('login=debug logs each step with time, mechanism and error', async () => {
    await start('warn,login=debug')
    const { text } = await service.warm({ ...account, password: 'wrong' })
    const { instance } = JSON.parse(text)
    await service.bind(account)
    const about = { level: 20, part: 'login', msg: 'login', domain: 'localhost' }
    const requestId = instance.replace('urn:uuid:', '')
    const ofLogin = lines().filter(({ msg }) => msg === 'login')
    const refused = ofLogin.filter(line => line.requestId === requestId)
    expect(refused).toMatchObject(
      [
        { step: 'connect' },
        { step: 'features' },
        { step: 'sasl' },
        { mechanism: expect.stringMatching(/^[A-Z0-9-]+$/), encrypted: false },
        { step: 'sasl', code: 'not-authorized', condition: 'not-authorized' },
      ].map(line => ({ ...about, ...line })),
    )
    const times = refused.map(({ ms }) => ms)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times.every(Number.isInteger)).toBe(true)
    expect(ofLogin.filter(line => line.requestId !== requestId)).toMatchObject(
      [
        { step: 'connect' },
        { step: 'features' },
        { step: 'sasl' },
        { mechanism: expect.any(String) },
        { step: 'bind' },
        { code: 'ok' },
      ].map(line => ({ ...about, requestId: expect.any(String), ...line })),
    )
    expect(partsBelow(30)).toEqual(['login'])
    expect(service.lines.join()).not.toMatch(/secret|wrong/)
  })
})

test('with AUDIT_LOG=off the audit page still shows the last lines', async () => {
  await start('trace')
  await callSessions(service.url, 'DELETE', `/sessions?jid=${account.jid}`)
  const { json } = await callSessions(service.url, 'GET', '/audit')
  expect(json.lines).toMatchObject([{ action: 'logout', jids: [account.jid], ended: 0 }])
  expect(service.lines.some(line => line.includes('"audit":true'))).toBe(false)
})
