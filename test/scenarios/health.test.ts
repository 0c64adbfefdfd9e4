import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { startTestService, type TestService } from '../support/start-service.js'

const start = (environment: Record<string, string> = {}) =>
  startTestService({
    demo: [{ alice: 'secret' }],
    environment: { METRICS_ADDRESS: '127.0.0.1:0', ...environment },
  })

/** The status of both paths, at the service's address and at the address of the metrics. */
async function health({ url, service }: TestService): Promise<number[]> {
  const metrics = service.metricsUrl!.replace('/metrics', '')
  const asked = [`${url}/healthz`, `${url}/readyz`, `${metrics}/healthz`, `${metrics}/readyz`]
  return Promise.all(asked.map(async path => (await ask(path, { agent: false })).status))
}

test('a stopping service returns 200 for /healthz and 503 for /readyz until it ends', async () => {
  const here = await start()
  // No client has an open request, so the service waits for a request before it stops.
  await here.bind({ jid: 'alice@localhost', password: 'secret' })
  const stopped = here.stop()
  expect(await health(here)).toEqual([200, 503, 200, 503])
  await stopped
  await expect(health(here)).rejects.toThrow('ECONNREFUSED')
})

test('a full service returns 503 for /readyz until a session ends', async () => {
  const here = await start({ MAX_SESSIONS: '1' })
  expect(await health(here)).toEqual([200, 200, 200, 200])
  const { sid, rid } = await here.bind({ jid: 'alice@localhost', password: 'secret' })
  expect(await health(here)).toEqual([200, 503, 200, 503])
  const client = new BoshClient(`${here.url}/http-bind`, { sid, rid })
  await client.terminate()
  client.close()
  expect(await health(here)).toEqual([200, 200, 200, 200])
  await here.stop()
})

describe('metrics', () => {
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
