// Logins that answer what a server offered to the one before, ahead of it (XEP-0305), and what they do where that fails.
import { afterEach, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import type { LoginConnection } from '../support/login-server/connection.js'
import {
  type LoginServer,
  type LoginServerOptions,
  type Script,
  startLoginServer,
  type Turn,
} from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'
import { testRest } from '../support/matrix.js'

const certificate = makeCertificate(['DNS:chat.example'])
const domain = 'chat.example'
const password = 'Pa55-of-alice'
const alice = { jid: `alice@${domain}`, password }
const scram = ['SCRAM-SHA-1', 'SCRAM-SHA-256']

let servers: LoginServer[] = []
let service: WatchedService
let complaints: string[] = []

async function start(
  options: Partial<LoginServerOptions> = {},
  environment: Record<string, string> = {},
): Promise<LoginServer> {
  const server = await startLoginServer({ domain, mechanisms: scram, ...options })
  servers = [server]
  service = await startWatchedService(servers, { WARM_TIMEOUT: '10', ...environment })
  return server
}

afterEach(async () => {
  await service.emptied()
  expect(servers.flatMap(server => server.complaints)).toEqual(complaints)
  await service.stop()
  await Promise.all(servers.map(server => server.stop()))
  complaints = []
})

/** Warms a session and ends it. */
async function warm(parameters: object = alice): Promise<void> {
  const { status, text } = await service.warm(parameters)
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' })
  const client = new BoshClient(`${service.url}/http-bind`, JSON.parse(text))
  await client.terminate()
  client.close()
}

/** What each of a connection's stream headers came with in one packet. */
const companyOf = ({ packets }: LoginConnection) =>
  packets
    .filter(packet => packet.includes('<stream:stream'))
    .map(packet => /<(auth|iq) /.exec(packet)?.[1] ?? 'nothing')

const atItsPace = ['nothing', 'nothing']
const ahead = ['auth', 'iq']
/** Behind an <auth/> there may be no white space, which TLS 1.3 needs. */
const halfAhead = ['nothing', 'iq']

/** The same of all connections since the last time. */
function companies(server: LoginServer): string[][] {
  const all = server.connections.slice(seen.get(server) ?? 0)
  seen.set(server, server.connections.length)
  return all.map(companyOf)
}

const seen = new WeakMap<LoginServer, number>()

/** What was logged of servers that do not cope. */
const mistrusted = () => service.lines.map(line => JSON.parse(line)).filter(({ msg }) => /does not cope/.test(msg))

/** A server that has been answered ahead as often as this. */
async function answered(times: number, options: Partial<LoginServerOptions> = {}): Promise<LoginServer> {
  const server = await start(options)
  for (let login = 0; login <= times; login++) await warm()
  companies(server)
  return server
}

/** Whether the server was told more than a header, and answers to that now. */
const isAhead = ({ connection }: Turn) => companyOf(connection).at(-1) !== 'nothing'

describe('a server', () => {
  test('is waited for the first time, and answered ahead from then on', async () => {
    const server = await start()
    for (let login = 0; login < 4; login++) await warm()
    expect(companies(server)).toEqual([atItsPace, ahead, ahead, ahead])
    expect(server.connections.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1])
    expect(mistrusted()).toEqual([])
  })

  test('with STARTTLS is, too, inside of TLS 1.2', async () => {
    const server = await start({ certificate, tlsVersion: 'TLSv1.2' })
    for (let login = 0; login < 3; login++) await warm()
    expect(companies(server)).toEqual([atItsPace, ahead, ahead].map(streams => ['nothing', ...streams]))
  })

  test('inside of TLS 1.3 is answered ahead on the second stream alone', async () => {
    const server = await start({ certificate, tlsVersion: 'TLSv1.3' })
    for (let login = 0; login < 3; login++) await warm()
    expect(companies(server)).toEqual([atItsPace, halfAhead, halfAhead].map(streams => ['nothing', ...streams]))
  })

  test('that demands a session is asked for one behind the resource', async () => {
    const server = await answered(1, {
      moreFeatures: "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
    })
    await warm()
    expect(companies(server)).toEqual([ahead])
    expect(server.last.reached.slice(-3)).toEqual(['features2', 'bind', 'session'])
  })

  test('answers many logins at a time: one of them tries, and none fails', async () => {
    const server = await answered(0)
    await Promise.all(Array.from({ length: 5 }, () => warm()))
    expect(companies(server).sort()).toEqual([ahead, atItsPace, atItsPace, atItsPace, atItsPace])
    await Promise.all([warm(), warm()])
    expect(companies(server)).toEqual([ahead, ahead])
  })

  test('tells a user whose password is wrong by the same connection', async () => {
    const server = await answered(0)
    const wrong = { status: 403, code: 'not-authorized', step: 'sasl', condition: 'not-authorized' }
    for (let login = 0; login < 2; login++) {
      expect(await service.problem({ ...alice, password: 'wrong' })).toEqual(wrong)
      expect(companies(server)).toEqual([['auth']])
    }
    await warm()
    expect(companies(server)).toEqual([ahead])
    expect(await service.problem({ ...alice, password: 'wrong' })).toEqual(wrong)
    expect(companies(server)).toEqual([['auth']])
  })
})

describe('a server is waited for', () => {
  test('where it offers nothing but PLAIN', async () => {
    const server = await start({ certificate, mechanisms: ['PLAIN'] })
    for (let login = 0; login < 3; login++) await warm()
    expect(companies(server).flat()).toEqual(Array(9).fill('nothing'))
  })

  test('where the operator wants PLAIN', async () => {
    const server = await start({ certificate, mechanisms: [...scram, 'PLAIN'] }, { XMPP_MECHANISMS: 'PLAIN' })
    for (let login = 0; login < 3; login++) await warm()
    expect(companies(server).flat()).toEqual(Array(9).fill('nothing'))
  })

  test.each([
    ['a token', { jid: alice.jid, token: 'a-token' }],
    ['an account that acts for the user', { jid: `robot@${domain}`, password: 'r', authzid: alice.jid }],
    ['the service account', { jid: alice.jid }],
  ])('by %s', async (_whom, parameters) => {
    const server = await start(
      {
        ...{ certificate, mechanisms: [...scram, 'PLAIN', 'OAUTHBEARER'], actors: ['robot'] },
        ...{ accounts: { alice: password, robot: 'r' }, tokens: { alice: 'a-token' } },
      },
      { XMPP_SERVICE_ACCOUNTS: `${domain}=robot:r` },
    )
    for (const login of [parameters, parameters, alice, alice]) await warm(login)
    companies(server)
    await warm(parameters)
    expect(companies(server)).toEqual([['nothing', ...atItsPace]])
    await warm()
    expect(companies(server)).toEqual([['nothing', ...halfAhead]])
  })

  test('where XMPP_PIPELINING is off', async () => {
    const server = await start({}, { XMPP_PIPELINING: 'off' })
    for (let login = 0; login < 3; login++) await warm()
    expect(companies(server)).toEqual([atItsPace, atItsPace, atItsPace])
  })
})

describe('a server that does not cope', () => {
  const streamError =
    "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
  const unless = (act: (turn: Turn) => void) => (turn: Turn) => (isAhead(turn) ? act(turn) : turn.goOn())
  const refuse = unless(turn => {
    turn.connection.overlookRest()
    turn.say(streamError)
    turn.close()
  })

  test.each<[string, Script, string[]]>([
    ['a stream error', { features: refuse }, ['auth']],
    ['a stream error after the login', { features2: refuse }, ahead],
    ['the end of the connection', { header: unless(turn => turn.reset()) }, ['auth']],
    ['what is no XML', { challenge: unless(turn => turn.say('<<')) }, ['auth']],
  ])('but answers with %s is asked again at its pace, and left alone', async (_how, script, tried) => {
    const server = await answered(0)
    server.script = script
    await warm()
    expect(companies(server)).toEqual([tried, atItsPace])
    expect(mistrusted()).toMatchObject([{ level: 30, domain }])
    await warm()
    await warm()
    expect(companies(server)).toEqual([atItsPace, atItsPace])
    expect(service.outcomes().map(({ code }) => code)).toEqual(['ok', 'ok', 'ok', 'ok'])
  })

  testRest(
    'but overlooks what comes with a header has three seconds, and is left alone',
    async () => {
      const overlooking = (turn: Turn) => {
        turn.connection.overlookRest()
        turn.goOn()
      }
      servers = await Promise.all(
        ['one', 'two'].map(name => startLoginServer({ domain: `${name}.example`, mechanisms: scram })),
      )
      service = await startWatchedService(servers, { WARM_TIMEOUT: '10' })
      const warmBoth = () => Promise.all(servers.map(server => warm({ jid: `alice@${server.domain}`, password })))
      await warmBoth()
      servers.forEach(companies)
      servers[0]!.script = { features: overlooking }
      servers[1]!.script = { restart: overlooking }
      const began = performance.now()
      await warmBoth()
      const seconds = (performance.now() - began) / 1000
      expect(seconds).toBeGreaterThan(2.9)
      expect(seconds).toBeLessThan(6)
      expect(servers.map(companies)).toEqual([
        [['auth'], atItsPace],
        [ahead, atItsPace],
      ])
      await warmBoth()
      expect(servers.map(companies)).toEqual([[atItsPace], [atItsPace]])
      expect(mistrusted()).toHaveLength(2)
    },
    15_000,
  )

  testRest('has no more time than the login that tries it', async () => {
    const server = await start({}, { WARM_TIMEOUT: '1' })
    await warm()
    companies(server)
    server.script = { features: () => new Promise(() => {}) }
    expect(await service.problem(alice)).toEqual({ status: 504, code: 'timeout', step: 'sasl' })
    expect(companies(server)).toEqual([['auth']])
  })
})

describe('a server whose features have changed', () => {
  test.each([0, 2])('so that the mechanism is gone is asked again, after %i logins ahead', async times => {
    const server = await answered(times)
    server.usual = { ...server.usual, mechanisms: ['SCRAM-SHA-1'] }
    await warm()
    expect(companies(server)).toEqual([['auth'], atItsPace])
    expect(server.last.mechanism).toBe('SCRAM-SHA-1')
    complaints = ['a mechanism that is not offered: SCRAM-SHA-256']
    // What it offers now has to be learned first.
    await warm()
    await warm()
    expect(companies(server)).toEqual([atItsPace, ahead])
    expect(mistrusted()).toEqual([])
  })

  test('so that there is a better mechanism is asked again', async () => {
    const server = await answered(2)
    server.usual = { ...server.usual, mechanisms: [...scram, 'SCRAM-SHA-512'] }
    await warm()
    expect(companies(server)).toEqual([['auth'], atItsPace])
    expect(server.last.mechanism).toBe('SCRAM-SHA-512')
  })

  test('so that it demands a session is asked again', async () => {
    const server = await answered(2)
    server.usual = { ...server.usual, moreFeatures: "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>" }
    await warm()
    expect(companies(server)).toEqual([ahead, atItsPace])
    expect(server.last.reached).toContain('session')
  })

  test.each([0, 2])('in what no login goes by is not, after %i logins ahead', async times => {
    const server = await answered(times)
    server.usual = {
      ...server.usual,
      mechanisms: [...scram].reverse(),
      moreFeatures: "<sm xmlns='urn:xmpp:sm:3'/>",
    }
    await warm()
    await warm()
    expect(companies(server)).toEqual([ahead, ahead])
    expect(server.last.reached.slice(-2)).toEqual(['features2', 'bind'])
  })
})

describe('a server that has coped before', () => {
  test.each<[string, (turn: Turn) => void]>([
    ['breaks the connection', turn => turn.reset()],
    ['closes it', turn => turn.close()],
  ])('but %s has failed, and is not asked again', async (_how, act) => {
    const server = await answered(1)
    server.script = { header: act }
    const told = { status: 502, code: 'remote-connection-failed', step: 'sasl' }
    expect(await service.problem(alice)).toEqual(told)
    expect(companies(server)).toEqual([['auth']])
    server.script = {}
    await warm()
    expect(companies(server)).toEqual([ahead])
    expect(mistrusted()).toEqual([])
  })
})

describe('a caller that hangs up', () => {
  test.each(['features', 'challenge', 'features2', 'bind'] as const)(
    'at the %s of a trial leaves nothing behind, and the server is tried again',
    async stage => {
      const server = await answered(0)
      const leaving = new AbortController()
      server.script = {
        [stage]: () => {
          leaving.abort()
          return new Promise<void>(() => {})
        },
      }
      await expect(service.warm(alice, leaving.signal)).rejects.toMatchObject({ name: 'AbortError' })
      await service.emptied()
      expect(companies(server)).toHaveLength(1)
      server.script = {}
      await warm()
      expect(companies(server)).toEqual([ahead])
      expect(mistrusted()).toEqual([])
    },
  )
})
