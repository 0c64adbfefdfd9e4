// Logins that send the next step before the server offers it (XEP-0305), and what they do if that fails.
import { afterEach, expect, test } from '@jest/globals'
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

let server: LoginServer
let service: WatchedService
/** Connections that were looked at. */
let seen = 0

async function start(options: Partial<LoginServerOptions> = {}, environment: Record<string, string> = {}) {
  server = await startLoginServer({ domain, mechanisms: scram, ...options })
  service = await startWatchedService([server], environment)
  seen = 0
}

afterEach(async () => {
  await service.emptied()
  expect(server.complaints).toEqual([])
  await service.stop()
  await server.stop()
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
function companies(): string[][] {
  const all = server.connections.slice(seen)
  seen = server.connections.length
  return all.map(companyOf)
}

/** Log lines about servers that fail with pipelining. */
const mistrusted = () => service.lines.map(line => JSON.parse(line)).filter(({ msg }) => /does not cope/.test(msg))

/** Whether the server received more than a header, and answers that now. */
const isAhead = ({ connection }: Turn) => companyOf(connection).at(-1) !== 'nothing'

test.each([
  ['a token', { jid: alice.jid, token: 'a-token' }],
  ['an account that acts for the user', { jid: `robot@${domain}`, password: 'r', authzid: alice.jid }],
  ['the service account', { jid: alice.jid }],
])('pipelining is not used for a login with %s', async (_whom, parameters) => {
  await start(
    {
      ...{ certificate, mechanisms: [...scram, 'PLAIN', 'OAUTHBEARER'], actors: ['robot'] },
      ...{ accounts: { alice: password, robot: 'r' }, tokens: { alice: 'a-token' } },
    },
    { XMPP_SERVICE_ACCOUNTS: `${domain}=robot:r` },
  )
  for (const login of [parameters, parameters, alice, alice]) await warm(login)
  companies()
  await warm(parameters)
  expect(companies()).toEqual([['nothing', ...atItsPace]])
  await warm()
  expect(companies()).toEqual([['nothing', ...halfAhead]])
})

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
])(
  'a server that fails with pipelining by %s gets the login again, and no pipelining from then on',
  async (_how, script, tried) => {
    await start()
    await warm()
    companies()
    server.script = script
    await warm()
    expect(companies()).toEqual([tried, atItsPace])
    expect(mistrusted()).toMatchObject([{ level: 30, domain }])
    await warm()
    await warm()
    expect(companies()).toEqual([atItsPace, atItsPace])
    expect(service.outcomes().map(({ code }) => code)).toEqual(['ok', 'ok', 'ok', 'ok'])
  },
)
