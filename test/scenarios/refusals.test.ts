import { lookup } from 'node:dns/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { mechanismsOf, saslFailure, saslNamespace, streamFeatures } from '../support/login-server/elements.js'
import {
  type LoginServer,
  type Script,
  startLoginServer,
  type Turn,
  type Usual,
} from '../support/login-server/server.js'
import { startWatchedService, type ToldProblem, type WatchedService } from '../support/login-server/watched-service.js'
import { freePorts } from '../support/ports.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }

let server: LoginServer
let service: WatchedService
let usual: Usual

beforeAll(async () => {
  const [dead] = await freePorts(1)
  server = await startLoginServer({ domain: 'plain.example', mechanisms: ['SCRAM-SHA-1'] })
  usual = server.usual
  service = await startWatchedService([server], {
    XMPP_DOMAINS: 'plain.example,nowhere.example,dead.example',
    XMPP_SERVERS: [
      `plain.example=xmpp://127.0.0.1:${server.port}?tls=none`,
      'nowhere.example=xmpp://nonexistent.invalid?tls=none',
      `dead.example=xmpp://127.0.0.1:${dead}?tls=none`,
    ].join(),
  })
})

afterEach(async () => {
  server.script = {}
  server.usual = usual
  await service.emptied()
  expect(server.complaints).toEqual([])
})

afterAll(async () => {
  await service.stop()
  await server.stop()
})

const base64 = (text: string) => Buffer.from(text).toString('base64')
const success = (data: string) => `<success xmlns='${saslNamespace}'>${data}</success>`
const challenge = (data: string) => `<challenge xmlns='${saslNamespace}'>${data}</challenge>`
const sasl = (status: number, code: string, condition?: string): ToldProblem =>
  condition === undefined ? { status, code, step: 'sasl' } : { status, code, step: 'sasl', condition }

interface Case {
  readonly who: string
  readonly script?: Script
  readonly usually?: Partial<Usual>
  readonly told: ToldProblem
}

async function expectTold({ script, usually, told }: Case): Promise<void> {
  server.script = script ?? {}
  server.usual = { ...usual, ...usually }
  const connections = server.connections.length
  expect(await service.problem(alice)).toEqual(told)
  expect(server.connections.length).toBe(connections + 1)
  expect(server.last.attempts).toBeLessThanOrEqual(1)
}

describe('before a connection exists,', () => {
  test('a domain that is not allowed gets 403 domain-not-allowed', async () => {
    const connections = server.connections.length
    expect(await service.problem({ ...alice, jid: 'alice@elsewhere.example' })).toEqual({
      status: 403,
      code: 'domain-not-allowed',
    })
    expect(server.connections.length).toBe(connections)
  })

  test('an unknown host gets 502 host-unknown', async () => {
    // Without any name server even the answer "no such name" is missing.
    const code = await lookup('nonexistent.invalid').catch(error => error.code)
    expect(await service.problem({ ...alice, jid: 'alice@nowhere.example' })).toEqual({
      status: 502,
      code: code === 'ENOTFOUND' ? 'host-unknown' : 'remote-connection-failed',
      step: 'resolve',
    })
  })

  test('a server that is down gets 502 remote-connection-failed', async () => {
    expect(await service.problem({ ...alice, jid: 'alice@dead.example' })).toEqual({
      status: 502,
      code: 'remote-connection-failed',
      step: 'connect',
    })
  })
})

describe('a login that the server rejects', () => {
  test.each(['wrong', 'Pa55-of-alice ', 'PA55-OF-ALICE'])(
    'with the password "%s" gets 403 not-authorized',
    async password => {
      expect(await service.problem({ ...alice, password })).toEqual(sasl(403, 'not-authorized', 'not-authorized'))
      expect(server.last.attempts).toBe(1)
    },
  )

  test('of an unknown user gets 403 not-authorized', async () => {
    expect(await service.problem({ ...alice, jid: 'bob@plain.example' })).toEqual(
      sasl(403, 'not-authorized', 'not-authorized'),
    )
  })

  test.each([
    [403, 'account-disabled', 'account-disabled'],
    [403, 'credentials-expired', 'credentials-expired'],
    [403, 'authzid-refused', 'invalid-authzid'],
    [503, 'temporary-auth-failure', 'temporary-auth-failure'],
    [502, 'login-failed', 'aborted'],
    [502, 'login-failed', 'malformed-request'],
    [502, 'no-mechanism', 'mechanism-too-weak'],
    [502, 'no-mechanism', 'encryption-required'],
    [502, 'no-mechanism', 'invalid-mechanism'],
  ] as const)('gets %i %s for <%s/>', async (status, code, condition) => {
    for (const stage of ['challenge', 'success'] as const) {
      const script = { [stage]: (turn: Turn) => turn.say(saslFailure(condition)) }
      await expectTold({ who: '', script, told: sasl(status, code, condition) })
    }
  })

  test('gets login-failed without the condition if XMPP does not define it', async () => {
    const script = { success: (turn: Turn) => turn.say(saslFailure('made-up-by-the-server')) }
    await expectTold({ who: '', script, told: { status: 502, code: 'login-failed', step: 'sasl' } })
  })

  test('gets the code of its condition after a text, and login-failed without a condition', async () => {
    const says = (inner: string): Script => ({
      challenge: turn => turn.say(`<failure xmlns='${saslNamespace}'>${inner}</failure>`),
    })
    await expectTold({
      who: '',
      script: says("<text xml:lang='en'>Go away</text><account-disabled/>"),
      told: sasl(403, 'account-disabled', 'account-disabled'),
    })
    await expectTold({ who: '', script: says(''), told: sasl(502, 'login-failed') })
  })
})

const notAuthentic = sasl(502, 'server-not-authentic')
const brokenOff = sasl(502, 'login-failed')

const pretenders: Case[] = [
  {
    who: 'sends <success/> without its signature',
    script: { success: turn => turn.say(success('')) },
    told: notAuthentic,
  },
  { who: 'sends <success/> with empty data', script: { success: turn => turn.say(success('=')) }, told: notAuthentic },
  {
    who: 'sends <success/> with a wrong signature',
    script: { success: turn => turn.say(success(base64(`v=${base64('x'.repeat(20))}`))) },
    told: notAuthentic,
  },
  {
    who: 'sends <success/> with an error as data',
    script: { success: turn => turn.say(success(base64('e=other-error'))) },
    told: notAuthentic,
  },
  {
    who: 'sends <success/> without a challenge',
    script: { challenge: turn => turn.say(success(base64('v=AAAA'))) },
    told: notAuthentic,
  },
  {
    who: 'sends <success/> before a login',
    script: {
      features: turn => turn.say(`${success('')}${streamFeatures("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")}`),
    },
    told: { status: 502, code: 'remote-protocol-error', step: 'features' },
  },
  { who: 'requires too few iterations', usually: { iterations: 4095 }, told: brokenOff },
  { who: 'requires no iterations', usually: { iterations: 0 }, told: brokenOff },
  { who: 'requires too many iterations', usually: { iterations: 200_001 }, told: brokenOff },
  { who: 'requires absurdly many iterations', usually: { iterations: 9_999_999_999 }, told: brokenOff },
  {
    who: 'replaces the nonce of the client',
    script: { challenge: turn => turn.say(challenge(base64('r=ours,s=c2FsdA==,i=4096'))) },
    told: brokenOff,
  },
  {
    who: 'sends a challenge that is not SCRAM',
    script: { challenge: turn => turn.say(challenge(base64('realm="x",nonce="y"'))) },
    told: brokenOff,
  },
  {
    who: 'sends an empty challenge',
    script: { challenge: turn => turn.say(challenge('')) },
    told: brokenOff,
  },
  {
    who: 'sends a challenge that is not base64',
    script: { challenge: turn => turn.say(challenge('%%%%')) },
    told: { status: 502, code: 'remote-protocol-error', step: 'sasl' },
  },
  {
    who: 'sends a <success/> that is not base64',
    script: { success: turn => turn.say(success('%%%%')) },
    told: { status: 502, code: 'remote-protocol-error', step: 'sasl' },
  },
  {
    who: 'sends its features again instead of a challenge',
    script: { challenge: turn => turn.say(streamFeatures(mechanismsOf(['SCRAM-SHA-1']))) },
    told: { status: 502, code: 'remote-protocol-error', step: 'sasl' },
  },
]

test.each(pretenders)('a login to a server that $who fails with $told.code', expectTold)

const noMechanism = { status: 502, code: 'no-mechanism', step: 'sasl' }

const withoutMechanism: Case[] = [
  {
    who: 'only unknown mechanisms',
    usually: { mechanisms: ['DIGEST-MD5', 'X-OAUTH2'] },
    told: noMechanism,
  },
  {
    who: 'only mechanisms with channel binding',
    usually: { mechanisms: ['SCRAM-SHA-1-PLUS'] },
    told: noMechanism,
  },
  { who: 'a list without mechanisms', usually: { mechanisms: [] }, told: noMechanism },
  { who: 'only PLAIN, without TLS', usually: { mechanisms: ['PLAIN'] }, told: noMechanism },
  {
    who: 'no list of mechanisms',
    script: { features: turn => turn.say(streamFeatures('')) },
    told: { status: 502, code: 'no-mechanism', step: 'features' },
  },
]

test.each(withoutMechanism)(
  'a server that offers $who gets no password, and the call gets no-mechanism',
  async about => {
    await expectTold(about)
    expect(server.last.attempts).toBe(0)
  },
)
