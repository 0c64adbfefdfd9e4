// Two services in a row: the BOSH endpoint of `far` serves the users of `near`.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'
import { startTestService, type TestService } from '../support/start-service.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const message = (text: string) => `<message from='bob@plain.example'><body>${text}</body></message>`
const presence = "<presence xmlns='jabber:client'/>"

let server: LoginServer
let far: WatchedService

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example' })
  far = await startWatchedService([server], { BOSH_MAX_WAIT: '1' })
})

afterAll(async () => {
  await far.stop()
  await server.stop()
})

const startNear = (attach: 'here' | 'there', environment: Record<string, string> = {}) =>
  startTestService({
    servers: `plain.example=${far.url}/http-bind`,
    environment: {
      XMPP_DOMAINS: 'plain.example',
      REMOTE_ATTACH: attach,
      ...environment,
    },
  })

/** Resolves once no session, request or stream is left. Connections between the two services stay open. */
async function nothingLeft(near: TestService): Promise<void> {
  const counts = () => ({ near: near.service.counts(), far: far.service.counts(), streams: server.open })
  const isEmpty = () => /^[^1-9]*$/.test(JSON.stringify(counts()))
  await eventually('nothing is left', isEmpty).catch(() => {
    throw new Error(`there is left: ${JSON.stringify(counts())}`)
  })
}

describe.each(['here', 'there'] as const)('a remote endpoint with REMOTE_ATTACH=%s', attach => {
  let near: TestService
  const clients: BoshClient[] = []

  beforeAll(async () => {
    near = await startNear(attach)
  })

  afterEach(async () => {
    for (const client of clients.splice(0)) {
      await client.terminate()
      client.close()
    }
    server.script = {}
    await nothingLeft(near)
    expect(server.complaints).toEqual([])
  })

  afterAll(async () => near?.stop())

  async function bind(more: Record<string, string | number> = {}) {
    const binding = await near.bind({ ...alice, ...more })
    const client = new BoshClient(binding.url, binding)
    clients.push(client)
    return { binding, client }
  }

  async function problem(parameters: Record<string, string>) {
    const { status, json } = await near.warm(parameters)
    return { status, code: json['code'], step: json['step'] }
  }

  test('serves warmed sessions like an XMPP server', async () => {
    const { binding, client } = await bind({ wait: 120 })
    const own = attach === 'here'
    expect(binding).toMatchObject({
      jid: 'alice@plain.example/chosen-by-server',
      url: `${own ? near.url : far.url}/http-bind`,
      // If pages attach there, the terms of the endpoint.
      wait: own ? 60 : 1,
      expires_in: own ? 120 : 150,
    })
    expect(server.last).toMatchObject({ attempts: 1, stanzas: [] })
    const sessions = near.service.counts()
    expect(sessions).toEqual({ ...(own ? { sessions: 1, links: 1 } : { sessions: 0, links: 0 }), forwarded: 0 })

    const connection = server.last
    const held = client.request(presence)
    await eventually('the presence arrives', () => connection.stanzas.length === 1)
    connection.say(message('one'))
    expect(await held).toContain('<body>one</body>')
    const next = client.request("<message xmlns='jabber:client' to='bob@plain.example'><body>two</body></message>")
    await eventually('the message arrives', () => connection.stanzas.length === 2)
    connection.say(message('three') + message('four'))
    expect(await next).toMatch(/three.*four/s)
    const secrets = [binding.sid, alice.password]
    expect(near.lines.filter(line => secrets.some(secret => line.includes(secret)))).toEqual([])
  })

  test('returns the error of a failed login', async () => {
    expect(await problem({ ...alice, password: 'wrong' })).toEqual({
      ...{ status: 403, code: 'not-authorized', step: 'sasl' },
    })
    server.script = { features: turn => turn.say('<stream:features/>') }
    expect(await problem(alice)).toEqual({ status: 502, code: 'no-mechanism', step: 'features' })
    server.script = { success: turn => turn.close() }
    expect(await problem(alice)).toEqual({ status: 502, code: 'remote-connection-failed', step: 'sasl' })
    server.script = {
      bind: turn => turn.say("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"),
    }
    expect(await problem(alice)).toEqual({ status: 502, code: 'remote-stream-error', step: 'bind' })
  })
})
