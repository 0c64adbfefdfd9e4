import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { eventually } from '../support/eventually.js'
import { ask, type HttpAnswer } from '../support/http-answer.js'
import { MemoryNetwork } from '../support/memory-carrier.js'
import { adminHeader, startTestService, type TestService } from '../support/start-service.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }

let server: DemoServer
let network: MemoryNetwork
let services: TestService[]

beforeEach(async () => {
  server = await startDemoServer({ alice: alice.password })
  network = new MemoryNetwork()
  services = []
})

afterEach(async () => {
  await Promise.all(services.map(service => service.stop()))
  await server.stop()
})

async function start(count: number, environment: Record<string, string> = {}): Promise<TestService[]> {
  for (let number = 0; number < count; number++)
    services.push(
      await startTestService({
        servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
        carriers: [network.start],
        environment,
      }),
    )
  await eventually('all processes know each other', () =>
    services.every(({ lines }) => joins(lines) === count - 1),
  )
  return services
}

const joins = (lines: readonly string[]) => lines.filter(line => line.includes('a process has joined')).length

type Method = 'GET' | 'POST' | 'DELETE'

const call = (
  { url }: TestService,
  method: Method,
  path: string,
  headers: Record<string, string> = {},
  body = '',
): Promise<HttpAnswer> =>
  ask(
    url + path,
    {
      method,
      agent: false,
      headers: {
        Authorization: adminHeader,
        Accept: 'application/json',
        'Content-Length': String(Buffer.byteLength(body)),
        ...headers,
      },
    },
    body,
  )

describe('a session that was warmed by one process', () => {
  test('is listed, shown, resumed and ended by any other', async () => {
    const [one, two, three] = (await start(3)) as [TestService, TestService, TestService]
    const { id, jid, sid } = await one.bind(alice)
    await two.bind(alice)
    const list = JSON.parse((await call(three, 'GET', '/warm/sessions?jid=alice@localhost&limit=1')).text)
    expect([list.total, list.sessions.length]).toEqual([2, 1])
    const rest = JSON.parse((await call(one, 'GET', `/warm/sessions?limit=1&after=${list.next}`)).text)
    expect([...list.sessions, ...rest.sessions].map(session => session.id)).toContain(id)
    expect(rest.next).toBeUndefined()
    expect(JSON.parse((await call(three, 'GET', `/warm/${id}`)).text)).toMatchObject({
      id,
      jid,
      state: 'waiting',
    })
    const resumed = await call(two, 'POST', `/warm/${id}/resume`)
    expect(JSON.parse(resumed.text)).toMatchObject({ id, jid, sid, resumed: true, delivered: 0 })
    expect((await call(three, 'DELETE', `/warm/${id}`)).status).toBe(204)
    expect((await call(one, 'GET', `/warm/${id}`)).status).toBe(404)
    expect(JSON.parse((await call(three, 'DELETE', '/warm/sessions?jid=alice@localhost')).text)).toEqual({
      ended: 1,
    })
  })
})
