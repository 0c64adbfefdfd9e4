// One command, several processes.
// Runs in npm run test:all only: half a minute.
import { readdirSync, statSync } from 'node:fs'
import { Agent } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { processIn } from '../../src/store/process-name.js'
import { describeWith } from '../peers/needs.js'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { lintMetrics } from '../support/exposition-lint.js'
import { ask } from '../support/http-answer.js'
import { Listener } from '../support/listener.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { callUrl, jsonHeaders } from '../support/login-server/watched-service.js'
import { type OperatedService, Operator, settingsAt } from '../support/operated-service.js'
import { redisForWorkers, redisPackages, workerCounts } from '../support/redis-for-workers.js'
import { scrape } from '../support/scrape.js'
import { childrenOf } from '../support/server-process.js'

const accounts = { alice: 'Pa55-of-alice' }

let server: LoginServer
const operator = Operator.ofEachTest()
const workersOf = redisForWorkers()
/** The folders of sockets are in here. */
let temporary: string
const clients: BoshClient[] = []

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example', accounts })
})

afterAll(() => server.stop())

beforeEach(() => {
  operator.makeFolder('tmp')
  temporary = operator.pathOf('tmp')
})

afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})

function start(more: Record<string, string> = {}, workers = '2'): OperatedService {
  return operator.start({
    TMPDIR: temporary,
    ...workersOf(workers),
    ...settingsAt(server),
    METRICS_ADDRESS: '127.0.0.1:0',
    RATE_WARMS_PER_JID: '0',
    MAX_SESSIONS_PER_JID: '0',
    ...more,
  })
}

const said = ({ lines }: OperatedService, msg: string) => lines.filter(line => line.msg === msg)

/** Numbers of all workers that have joined, by pid. */
const joined = ({ lines }: OperatedService) =>
  new Map(lines.filter(({ node }) => node !== undefined).map(({ pid, worker }) => [pid, worker]))

/** The numbers of both workers, once both lines were logged. The line `listening` may come before them. */
async function bothJoined(service: OperatedService) {
  await eventually('both have joined', () => joined(service).size === 2)
  return joined(service)
}

/** The pids of a service that listens, and of its workers. */
function processesOf(service: OperatedService): readonly [primary: number, ...workers: number[]] {
  const { pid } = said(service, 'listening')[0]!
  return [pid, ...childrenOf(pid)]
}

async function metricsUrl(service: OperatedService): Promise<string> {
  await service.url()
  return String(said(service, 'listening')[0]!['metricsUrl'])
}

const samples = async (service: OperatedService) => (await scrape(await metricsUrl(service))).samples

/** With `hold` 0, requests of the page are answered at once. */
const warm = (url: string, agent: Agent | false = false, hold = 0) =>
  ask(
    `${url}/warm`,
    { method: 'POST', agent, headers: jsonHeaders },
    JSON.stringify({ jid: 'alice@plain.example', password: accounts.alice, hold }),
  )

/** A page with its own session. */
async function page(url: string, hold = 0): Promise<BoshClient> {
  const { status, text } = await warm(url, false, hold)
  if (status !== 200) throw new Error(`${status}: ${text}`)
  const client = new BoshClient(`${url}/http-bind`, JSON.parse(text))
  clients.push(client)
  return client
}

/** Pages whose sessions are in both workers. The kernel chooses which worker accepts a connection. */
async function pagesInBoth(url: string): Promise<BoshClient[]> {
  const pages: BoshClient[] = []
  do pages.push(...(await Promise.all(Array.from({ length: 6 }, () => page(url)))))
  while (new Set(pages.map(({ sid }) => processIn(sid!))).size < 2)
  return pages
}

const presence = "<presence xmlns='jabber:client'/>"

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describeWith(redisPackages, 'workers', () => {
  test('share one log line at the start, one port, one metrics page and a private folder', async () => {
    const service = start()
    const url = await service.url()
    expect(said(service, 'listening')).toMatchObject([{ url, urls: [url], workers: 2 }])
    expect([...(await bothJoined(service)).values()].sort()).toEqual([1, 2])

    const [folder] = readdirSync(temporary)
    expect(statSync(join(temporary, folder!)).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(temporary, folder!))).toHaveLength(2)

    const pages = await pagesInBoth(url)
    for (const client of pages) expect(await client.request(presence)).toContain('<body')
    const { text, samples } = await scrape(await metricsUrl(service))
    const created = [1, 2].map(
      worker => samples.get(`warm_bindings_sessions_created_total{worker="${worker}",origin="warmed"}`) ?? 0,
    )
    expect(created[0]! + created[1]!).toBe(pages.length)
    expect(Math.min(...created)).toBeGreaterThan(0)
    expect(lintMetrics(text)).toEqual([])
    for (const worker of ['1', '2', 'primary'])
      expect(samples.get(`process_resident_memory_bytes{worker="${worker}"}`)).toBeGreaterThan(0)
    expect(samples.get('warm_bindings_workers{state="running"}')).toBe(2)
    expect(samples.get('warm_bindings_workers_answered')).toBe(2)
    for (const path of ['/healthz', '/readyz'])
      expect((await callUrl(new URL(path, await metricsUrl(service)).href)).status).toBe(200)

    service.signal('SIGTERM')
    expect(await service.exit).toBe(0)
    expect([...joined(service).keys()].filter(isRunning)).toEqual([])
    expect(readdirSync(temporary)).toEqual([])
    expect(service.stderr).toBe('')
  })

  test('are ready until all are full, and a full worker forwards calls', async () => {
    const service = start({ MAX_SESSIONS: '2' })
    const url = await service.url()
    await bothJoined(service)
    const ready = async () => (await callUrl(new URL('/readyz', await metricsUrl(service)).href)).status
    for (let count = 0; count < 4; count++) {
      expect(await ready()).toBe(200)
      await page(url)
    }
    const detail = expect.stringContaining('Limit: MAX_SESSIONS.')
    expect(JSON.parse((await warm(url)).text)).toMatchObject({ status: 503, code: 'service-full', detail })
    await eventually('all are full', async () => (await ready()) === 503)
    await clients[0]!.terminate()
    await eventually('one has room', async () => (await ready()) === 200)
  })

  test('that hang are replaced, and the others answer for their sessions and connections', async () => {
    const service = start()
    const url = await service.url()
    const [[pid, worker]] = [...(await bothJoined(service))] as [[number, number]]
    const pages = await pagesInBoth(url)
    for (const client of pages) await client.request(presence)
    process.kill(pid, 'SIGSTOP')
    service.signal('SIGHUP')
    // One of these connections is offered to the hung worker, which gets the next only after it has accepted this.
    const calls = Array.from({ length: 8 }, () => callUrl(`${url}/healthz`))
    await eventually('the worker is replaced', () => said(service, 'a worker has been started').length === 1)
    expect(said(service, 'a worker hangs and is killed')).toMatchObject([{ worker, workerPid: pid }])
    expect(said(service, 'a worker does not say that it has reloaded')).toMatchObject([{ worker }])
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(calls.map(() => 200))
    const told = await Promise.all(pages.map(client => client.request(presence)))
    const lost = told.filter(text => text.includes("condition='item-not-found'"))
    expect(lost.length).toBeGreaterThan(0)
    expect(told.filter(text => text.includes('terminate'))).toEqual(lost)
    expect((await warm(url)).status).toBe(200)
    const all = await samples(service)
    expect(all.get('warm_bindings_workers_hung_total')).toBe(1)
    expect(all.get('warm_bindings_workers_died_total')).toBe(0)
  })

  test.each(['1', '2'])('that are killed leave no connection waiting, with WORKERS=%s', async workers => {
    const service = start({}, workers)
    const url = await service.url()
    const [, pid = 0] = processesOf(service)
    process.kill(pid, 'SIGSTOP')
    const answers = Array.from({ length: 6 }, () =>
      callUrl(`${url}/healthz`).then(
        ({ status }) => status,
        () => 'closed',
      ),
    )
    // The primary answers this itself, after the connections that it has passed on.
    await callUrl(new URL('/healthz', await metricsUrl(service)).href)
    process.kill(pid, 'SIGKILL')
    const fates = new Set(await Promise.all(answers))
    if (workers === '2') expect(fates).toEqual(new Set([200]))
    else expect([...fates].filter(fate => fate !== 200 && fate !== 'closed')).toEqual([])
  })

  test('are replaced at SIGUSR2 without failed calls, and pages keep their sessions', async () => {
    const service = start({ DRAIN_TIME: '600' })
    const url = await service.url()
    const before = [...(await bothJoined(service))].map(([pid, worker]) => `${worker}-${pid}`)
    const pages = await Promise.all(Array.from({ length: 4 }, () => page(url)))
    for (const client of pages) await client.request(presence)
    // Half of the calls use keep-alive connections.
    const agent = new Agent({ keepAlive: true, maxSockets: 2 })
    let isOver = false
    const answers: string[] = []
    const calls = async (over: Agent | false) => {
      while (!isOver) {
        const { status, text } = await warm(url, over)
        answers.push(status === 200 ? '200' : text.replace(/,"instance.*/, ''))
      }
    }
    const exchanges = async (client: BoshClient) => {
      while (!isOver) answers.push((await client.request(presence)).replace(/^<body[^>]*>.*$/s, ''))
    }
    const traffic = Promise.all([calls(agent), calls(false), ...pages.slice(1).map(exchanges)])
    service.signal('SIGUSR2')
    await eventually('both are replaced', () => said(service, 'the workers have been replaced').length === 1)
    // The old workers leave their connections to the new workers.
    await new Promise(resolve => setTimeout(resolve, 1_500))
    isOver = true
    await traffic
    agent.destroy()
    expect([...new Set(answers)].sort()).toEqual(['', '200'])
    expect(said(service, 'draining')).toHaveLength(2)
    expect((await samples(service)).get('warm_bindings_workers{state="draining"}')).toBe(2)

    // The session of a page that was silent all the time still exists.
    expect(await pages[0]!.request(presence)).not.toContain('terminate')
    const { samples: all } = await scrape(await metricsUrl(service))
    const labels = [...all.keys()].flatMap(name => /^process_open_fds\{worker="(.*)"\}$/.exec(name)?.[1] ?? [])
    expect(labels.sort()).toEqual(['1', '2', 'primary', ...before].sort())
  })

  test('end with their primary, and leave no session or file', async () => {
    const service = start()
    await page(await service.url())
    const { last } = server
    const pids = [...(await bothJoined(service)).keys()]
    service.signal('SIGKILL')
    await eventually('the workers have ended', () => !pids.some(isRunning))
    expect(said(service, 'the primary process has died, so this worker ends too')).toHaveLength(2)
    expect(last.goodbye).toBe('footer')
    expect(readdirSync(temporary)).toEqual([])
  })

  test('that are starting end with their primary too', async () => {
    const service = start()
    await eventually('a worker has begun', () => joined(service).size > 0)
    service.signal('SIGKILL')
    // Standard output is closed when the last process has ended.
    await service.exit
    expect(readdirSync(temporary)).toEqual([])
  })
})

describeWith(redisPackages, 'a failed start prints its error once', () => {
  test('for a TMPDIR without a folder', async () => {
    const TMPDIR = join(temporary, 'nowhere')
    const service = start({ TMPDIR })
    expect(await service.exit).toBe(1)
    const sentence = `The service cannot create a folder in ${TMPDIR} (ENOENT): change TMPDIR.\n`
    expect(service.stderr).toBe(sentence)
  })

  test('for a port in use', async () => {
    const other = await Listener.start(createServer())
    const service = start({ PORT: String(other.port) })
    expect(await service.exit).toBe(1)
    expect(service.stderr).toBe(
      `Another program, or another address in the settings, uses port ${other.port}: stop the program, or choose another port with PORT, HTTPS_PORT or METRICS_ADDRESS.\n`,
    )
    expect(said(service, 'listening')).toEqual([])
    expect(readdirSync(temporary)).toEqual([])
    await other.stop()
  })
})

describe.each(workerCounts('0', '2'))('SIGTERM with DRAIN_TIME and WORKERS=%s', workers => {
  test('keeps sessions, rejects new sessions, and exits when the last session ends', async () => {
    const service = start({ DRAIN_TIME: '600' }, workers)
    const url = await service.url()
    const client = await page(url)
    await client.request(presence)
    service.signal('SIGTERM')
    await eventually('the service drains', () => said(service, 'draining').length === Math.max(1, Number(workers)))
    expect((await callUrl(`${url}/readyz`)).status).toBe(503)
    const refused = await warm(url)
    expect([refused.status, JSON.parse(refused.text).code]).toEqual([503, 'shutting-down'])
    const stranger = new BoshClient(`${url}/http-bind`)
    clients.push(stranger)
    expect(await stranger.request('', { to: 'plain.example', ver: '1.6', wait: '60', hold: '1' })).toContain(
      "condition='system-shutdown'",
    )
    for (let request = 0; request < 4; request++) expect(await client.request(presence)).not.toContain('terminate')
    expect(await client.terminate()).toContain('terminate')
    expect(await service.exit).toBe(0)
  })
})

test.each(workerCounts('0', '2'))('SIGUSR1 opens no debugger in any process, with WORKERS=%s', async workers => {
  const service = start({}, workers)
  const url = await service.url()
  const processes = processesOf(service)
  expect(processes).toHaveLength(1 + Number(workers))
  for (const pid of processes) process.kill(pid, 'SIGUSR1')
  // A process that answers has handled the signals sent before.
  for (let count = 0; count < 40; count++) expect((await callUrl(`${url}/healthz`)).status).toBe(200)
  service.signal('SIGINT')
  expect(await service.exit).toBe(0)
  // A debugger would print its address.
  expect(service.stderr).toBe('')
})
