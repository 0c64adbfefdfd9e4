import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { startTestService, type TestService } from '../support/start-service.js'

const users = Array.from({ length: 20 }, (_, number) => `user${number}`)

let server: DemoServer

beforeAll(async () => {
  server = await startDemoServer(Object.fromEntries(users.map(user => [user, 'secret'])))
})

afterAll(() => server.stop())

const start = (environment: Record<string, string> = {}) =>
  startTestService({
    servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
    environment: { METRICS_ADDRESS: '127.0.0.1:0', ...environment },
  })

/** The status of both paths, at the service's address and at the address of the metrics. */
async function health({ url, service }: TestService): Promise<number[]> {
  const metrics = service.metricsUrl!.replace('/metrics', '')
  const asked = [`${url}/healthz`, `${url}/readyz`, `${metrics}/healthz`, `${metrics}/readyz`]
  return Promise.all(asked.map(async path => (await ask(path, { agent: false })).status))
}

const ping = "<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>"

test('a busy service returns 200 for /healthz and /readyz', async () => {
  const here = await start()
  const clients = await Promise.all(
    users.map(async user => {
      const { sid, rid } = await here.bind({ jid: `${user}@localhost`, password: 'secret' })
      return new BoshClient(`${here.url}/http-bind`, { sid, rid })
    }),
  )
  const work = clients.map(async client => {
    for (let number = 0; number < 20; number++) await client.request(ping)
  })
  for (let time = 0; time < 10; time++) expect(await health(here)).toEqual([200, 200, 200, 200])
  await Promise.all(work)
  for (const client of clients) {
    await client.terminate()
    client.close()
  }
  await here.stop()
})

test('a stopping service returns 200 for /healthz and 503 for /readyz until it ends', async () => {
  const here = await start()
  // No client has an open request, so the service waits for a request before it stops.
  await here.bind({ jid: 'user0@localhost', password: 'secret' })
  const stopped = here.stop()
  expect(await health(here)).toEqual([200, 503, 200, 503])
  await stopped
  await expect(health(here)).rejects.toThrow('ECONNREFUSED')
})

test('a full service returns 503 for /readyz until a session ends', async () => {
  const here = await start({ MAX_SESSIONS: '1' })
  expect(await health(here)).toEqual([200, 200, 200, 200])
  const { sid, rid } = await here.bind({ jid: 'user0@localhost', password: 'secret' })
  expect(await health(here)).toEqual([200, 503, 200, 503])
  const client = new BoshClient(`${here.url}/http-bind`, { sid, rid })
  await client.terminate()
  client.close()
  expect(await health(here)).toEqual([200, 200, 200, 200])
  await here.stop()
})

test('health checks are answered for every Host header', async () => {
  const here = await start({ HTTP_HOSTS: 'chat.example.org=localhost', HTTP_DEFAULT_HOST: 'none' })
  expect(await health(here)).toEqual([200, 200, 200, 200])
  expect((await ask(`${here.url}/`, { agent: false })).status).toBe(421)
  await here.stop()
})

describe('metrics', () => {
  test('are served only at METRICS_ADDRESS', async () => {
    const here = await start()
    expect((await ask(here.service.metricsUrl!, { agent: false })).status).toBe(200)
    expect((await ask(`${here.url}/metrics`, { agent: false })).status).toBe(404)
    await here.stop()
  })

  test('are not served with METRICS_ADDRESS=none', async () => {
    const here = await start({ METRICS_ADDRESS: 'none' })
    expect(here.service.metricsUrl).toBeUndefined()
    await here.stop()
  })

  test('at an address in use prevent the start, and no port stays open', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const listening = () => process.getActiveResourcesInfo().filter(name => name === 'TCPServerWrap').length
    const before = listening()
    await expect(start({ METRICS_ADDRESS: `127.0.0.1:${port}` })).rejects.toThrow(
      `METRICS_ADDRESS is 127.0.0.1:${port}, which another program uses`,
    )
    // The metrics do not stay open either if the port of the service is in use.
    await expect(start({ PORT: String(port) })).rejects.toThrow('EADDRINUSE')
    // Services of earlier tests may have been counted before they closed.
    await eventually('no new port is open', () => listening() <= before)
    other.close()
  })
})
