// Logins that send the next step before the server offers it (XEP-0305), and what they do if that fails.
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
  service = await startWatchedService(servers, environment)
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

/** For each stream header of a connection, the element in the same packet. */
const companyOf = ({ packets }: LoginConnection) =>
  packets
    .filter(packet => packet.includes('<stream:stream'))
    .map(packet => /<(auth|iq) /.exec(packet)?.[1] ?? 'nothing')

const atItsPace = ['nothing', 'nothing']
const ahead = ['auth', 'iq']
/** TLS 1.3 needs white space between the steps, which is not allowed after an <auth/>. */
const halfAhead = ['nothing', 'iq']

/** The same for all connections since the last call. */
function companies(server: LoginServer): string[][] {
  const all = server.connections.slice(seen.get(server) ?? 0)
  seen.set(server, server.connections.length)
  return all.map(companyOf)
}

const seen = new WeakMap<LoginServer, number>()

/** Log lines about servers that fail with pipelining. */
const mistrusted = () => service.lines.map(line => JSON.parse(line)).filter(({ msg }) => /does not cope/.test(msg))

/** A server that has handled so many pipelined logins. */
async function answered(times: number, options: Partial<LoginServerOptions> = {}): Promise<LoginServer> {
  const server = await start(options)
  for (let login = 0; login <= times; login++) await warm()
  companies(server)
  return server
}

/** Whether the server received more than a header, and answers that now. */
const isAhead = ({ connection }: Turn) => companyOf(connection).at(-1) !== 'nothing'

describe('pipelining', () => {
  test.each([
    ['with STARTTLS over TLS 1.2', 'TLSv1.2', ahead],
    ['only on the second stream over TLS 1.3', 'TLSv1.3', halfAhead],
  ] as const)('is used %s', async (_when, tlsVersion, later) => {
    const server = await start({ certificate, tlsVersion })
    for (let login = 0; login < 3; login++) await warm()
    expect(companies(server)).toEqual([atItsPace, later, later].map(streams => ['nothing', ...streams]))
  })
})

describe('pipelining is not used', () => {
  test('if the server offers only PLAIN', async () => {
    const server = await start({ certificate, mechanisms: ['PLAIN'] })
    for (let login = 0; login < 3; login++) await warm()
    expect(companies(server).flat()).toEqual(Array(9).fill('nothing'))
  })

  test.each([
    ['a token', { jid: alice.jid, token: 'a-token' }],
    ['an account that acts for the user', { jid: `robot@${domain}`, password: 'r', authzid: alice.jid }],
    ['the service account', { jid: alice.jid }],
  ])('for a login with %s', async (_whom, parameters) => {
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
})

describe('a server that fails with pipelining', () => {
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
    ['a reset connection', { header: unless(turn => turn.reset()) }, ['auth']],
    ['invalid XML', { challenge: unless(turn => turn.say('<<')) }, ['auth']],
  ])('by %s gets the login again, and no pipelining from then on', async (_how, script, tried) => {
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
})

test('a server that restarts is not taken for one that fails with pipelining', async () => {
  const server = await answered(0)
  server.script = { header: turn => turn.reset() }
  expect((await service.warm(alice)).status).toBe(502)
  expect(companies(server)).toEqual([['auth'], ['nothing']])
  server.script = {}
  await warm()
  expect(companies(server)).toEqual([ahead])
  expect(mistrusted()).toEqual([])
})
