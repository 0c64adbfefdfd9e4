// What an operator sees of an XMPP server that goes down and comes back.
// Runs in npm run test:all only: ten seconds.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { scrape } from '../support/scrape.js'
import { startTestService, type TestService, type TestServiceOptions } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }

let server: LoginServer
let service: TestService

const start = async (servers: string, domains = 'plain.example', more: TestServiceOptions = {}) => {
  const environment = { XMPP_DOMAINS: domains, LOG_LEVEL: 'info', METRICS_ADDRESS: '127.0.0.1:0', ...more.environment }
  service = await startTestService({ ...more, servers, environment })
}

beforeEach(async () => {
  server = await startLoginServer({ domain: 'plain.example', accounts: { alice: alice.password } })
})

afterEach(async () => {
  await service.stop()
  await server.stop()
})

const lines = () => service.lines.map(line => JSON.parse(line)).filter(({ lost }) => lost !== undefined)

async function up(of = service): Promise<Record<string, number>> {
  const { samples } = await scrape(of.service.metricsUrl)
  const name = 'warm_bindings_xmpp_server_up'
  return Object.fromEntries(
    [...samples].flatMap(([key, value]) => (key.startsWith(name) ? [[key.slice(name.length), value]] : [])),
  )
}

describe('a server in the settings', () => {
  const place = () => `127.0.0.1:${server.port}`
  const key = () => `{domain="plain.example",server="${place()}"}`

  const startHere = (more?: TestServiceOptions) => start(`plain.example=xmpp://${place()}?tls=none`, undefined, more)

  test('that takes all sessions with it has one log line with their number, and one when it is back', async () => {
    await startHere()
    expect(await up()).toEqual({})
    for (let at = 0; at < 4; at++) await service.bind(alice)
    expect(await up()).toEqual({ [key()]: 1 })
    server.script = { connect: turn => turn.reset() }
    for (const connection of server.connections) connection.reset()
    expect(await service.warm(alice)).toMatchObject({ status: 502 })
    await eventually('the line', () => lines().length > 0)
    expect(await up()).toEqual({ [key()]: 0 })
    server.script = {}
    await service.bind(alice)
    expect(await up()).toEqual({ [key()]: 1 })
    expect(lines()).toMatchObject([
      {
        ...{ level: 40, part: 'c2s', msg: 'an XMPP server is down', domain: 'plain.example', server: place(), lost: 4 },
        code: 'remote-connection-failed',
      },
      { level: 30, part: 'c2s', msg: 'an XMPP server is back', domain: 'plain.example', server: place() },
    ])
  })

  test('that does not come back in time has a log line each minute with the ended sessions', async () => {
    const clock = new SteppedClock()
    await server.stop()
    server = await startLoginServer({ domain: 'plain.example', moreFeatures: "<sm xmlns='urn:xmpp:sm:3'/>" })
    await startHere({ clock, environment: { LINK_RESUME_TIME: '10' } })
    for (let at = 0; at < 4; at++) {
      await service.bind(alice)
      server.last.say(`<enabled xmlns='urn:xmpp:sm:3' id='s${at}' resume='true'/>`)
    }
    server.script = { connect: turn => turn.reset() }
    for (const connection of server.connections) connection.reset()
    await eventually('all links and their first repairs have failed', () => service.service.counts().links === 0)
    const ended = () => {
      const all = service.lines.map(line => JSON.parse(line))
      return all.filter(({ msg }) => msg === 'links were not mended: their sessions ended')
    }
    while (service.service.counts().sessions > 0) {
      clock.advance(1_000)
      await new Promise(resolve => setImmediate(resolve))
    }
    clock.advance(1_000)
    const reason = 'late: no login succeeded within LINK_RESUME_TIME'
    expect(ended()).toMatchObject([
      { level: 40, part: 'c2s', domain: 'plain.example', ended: 4, late: 4, refused: 0, reason },
    ])
    clock.advance(60_000)
    expect(ended()).toHaveLength(1)
  })

  test('that is down gets connections without a login, until it answers', async () => {
    const clock = new SteppedClock()
    await startHere({ clock })
    server.script = { header: turn => turn.reset() }
    await service.warm(alice)
    expect(await up()).toEqual({ [key()]: 0 })
    server.script = {}
    clock.advance(30_000)
    await eventually('the probe is over', () => server.connections.length === 2 && server.open === 0)
    expect(server.last).toMatchObject({ goodbye: 'footer', attempts: 0, complaints: [] })
    expect(await up()).toEqual({ [key()]: 1 })
  })

  test('that no longer answers pings counts as a lost link', async () => {
    const clock = new SteppedClock()
    await startHere({ clock })
    const { url, sid, rid } = await service.bind(alice)
    const client = new BoshClient(url, { sid, rid })
    server.last.deafen()
    const held = client.request("<message xmlns='jabber:client' to='bob@plain.example'/>").catch(() => {})
    await eventually('the message arrives', () => server.last.packets.join('').includes('<message'))
    clock.advance(16_000)
    await eventually('the ping arrives', () => server.last.packets.join('').includes('<ping'))
    clock.advance(61_000)
    await eventually('the link is given up', () => service.lines.some(line => line.includes('does not answer')))
    clock.advance(10_000)
    client.close()
    await held
    expect(lines()).toMatchObject([
      {
        level: 40,
        msg: 'links to an XMPP server broke, or could not be made',
        lost: 1,
        step: 'stream',
        code: 'timeout',
      },
    ])
  })
})

describe('a remote BOSH endpoint', () => {
  test('that cannot be reached counts as down', async () => {
    await start('far.example=http://127.0.0.1:1/http-bind', 'far.example')
    await service.warm({ ...alice, jid: 'alice@far.example' })
    expect(await up()).toEqual({ '{domain="far.example",server="127.0.0.1:1"}': 0 })
    await eventually('the line', () => lines().length > 0)
    expect(lines()).toMatchObject([{ level: 40, part: 'remote', domain: 'far.example', cause: 'ECONNREFUSED' }])
  })

  test('counts as up with its first session, and as down if the next cannot be opened', async () => {
    const far = await startTestService({
      servers: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none`,
      environment: { XMPP_DOMAINS: 'plain.example' },
    })
    await start(`plain.example=${far.url}/http-bind`)
    const labels = `{domain="plain.example",server="${new URL(far.url).host}"}`
    await service.bind(alice)
    expect(await up()).toEqual({ [labels]: 1 })
    await far.stop()
    expect(await service.warm(alice)).toMatchObject({ status: 502 })
    expect(await up()).toEqual({ [labels]: 0 })
  })
})
