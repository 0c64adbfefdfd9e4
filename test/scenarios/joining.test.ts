// Runs in npm run test:all only: ten seconds.
import { createServer } from 'node:net'
import { expect, jest, test } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import type { Store } from '../../src/store/store.js'
import { BoshClient } from '../support/bosh-client.js'
import { stoppedAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { ListeningServer } from '../support/listener.js'
import { memoryStore } from '../support/memory-store.js'
import { freePorts } from '../support/ports.js'
import { scrape } from '../support/scrape.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'

const { file } = testFolder()
const sealKey = file('seal.key', Buffer.alloc(32, 7).toString('base64'))
const stopped = stoppedAfterEach()

const start = (store: Store, environment: Record<string, string>): Promise<TestService> =>
  stopped(
    startTestService({
      demo: [{ alice: 'wonderland' }],
      store,
      environment: { SEAL_KEY_FILE: sealKey, REDIS_URL: 'redis://127.0.0.1', ...environment },
    }),
  )

const logged = ({ lines }: TestService, text: string) => lines.filter(line => line.includes(text))

test('workers with one PEER_LISTEN have ports of their own, so that a request reaches the process of its session', async () => {
  const [port = 0] = await freePorts(1)
  const store = memoryStore(systemClock)
  const environment = { WORKERS: '2', PEER_LISTEN: `127.0.0.1:${port}`, PEER_ADDRESS: `localhost:${port}` }
  const one = await start(store, environment)
  const other = await start(store, environment)
  const addresses = store.processes.map(({ address }) => address).sort()
  expect(addresses[0]).toBe(`localhost:${port}`)
  expect(addresses[1]).toMatch(/^localhost:\d+$/)
  expect(addresses[1]).not.toBe(addresses[0])

  for (const [home, away] of [
    [one, other],
    [other, one],
  ] as const) {
    const { sid, rid } = await home.bind({ jid: 'alice@localhost', password: 'wonderland', wait: 20 })
    const client = new BoshClient(`${away.url}/http-bind`, { sid, rid })
    const reply = await client.request('', { type: 'terminate' })
    expect(reply).not.toContain('condition')
    client.close()
  }
})

test.each([
  ['203.0.113.1:9191', 'PEER_LISTEN is 203.0.113.1:9191, which is not an address of this machine'],
  ['missing.invalid:9191', /PEER_LISTEN is missing\.invalid:9191, a name without an address \((ENOTFOUND|EAI_AGAIN)\)/],
])('PEER_LISTEN=%s, which cannot be listened on, is named', async (PEER_LISTEN, problem) => {
  await expect(start(memoryStore(systemClock), { PEER_LISTEN })).rejects.toThrow(problem)
})

test.each([
  ['a port', 0, {}],
  // A worker could choose another port, but there is none.
  ['the last port of a worker', 65_535, { WORKERS: '1' }],
])('PEER_LISTEN is named if another program uses %s', async (_what, free, workers) => {
  const other = await new ListeningServer(createServer()).listen({ port: free })
  const PEER_LISTEN = `127.0.0.1:${other.port}`
  const problem = `PEER_LISTEN is ${PEER_LISTEN}, which another program uses: choose another port`
  await expect(start(memoryStore(systemClock), { PEER_LISTEN, ...workers })).rejects.toThrow(problem)
  await other.stop()
})

test('a process that has other settings is named once, and counted', async () => {
  const store = memoryStore(systemClock)
  const one = await start(store, { METRICS_ADDRESS: '127.0.0.1:0' })
  await start(store, {})
  const keys = [8, 7].map(byte => Buffer.alloc(32, byte).toString('base64'))
  const other = { MAX_SESSIONS_PER_JID: '3', EXTERNAL_URL: 'https://chat.example.org' }
  await start(store, { ...other, SEAL_KEY_FILE: file('both.key', keys.join('\n')) })
  await eventually('it is named', () => logged(one, 'other settings').length > 0)
  expect(logged(one, 'other settings').map(line => JSON.parse(line))).toMatchObject([
    { level: 40, different: ['EXTERNAL_URL', 'SEAL_KEY_FILE', 'MAX_SESSIONS_PER_JID'] },
  ])
  const { samples } = await scrape(one.service.metricsUrl)
  expect(samples.get('warm_bindings_processes{state="live"}')).toBe(2)
  expect(samples.get('warm_bindings_processes_with_other_settings')).toBe(1)
})

test('a process that cannot start closes the store, also if it fails before it joins', async () => {
  const close = jest.fn(async () => {})
  const store = { ...memoryStore(systemClock), close }
  const routers = () => {
    throw new Error('no routers')
  }
  await expect(startTestService({ store, routers, environment: { SEAL_KEY_FILE: sealKey } })).rejects.toThrow(
    'no routers',
  )
  expect(close).toHaveBeenCalledTimes(1)
})
