import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { saslFailure, saslNamespace } from '../support/login-server/elements.js'
import {
  type LoginServer,
  type Script,
  startLoginServer,
  type Turn,
  type Usual,
} from '../support/login-server/server.js'
import { startWatchedService, type ToldProblem, type WatchedService } from '../support/login-server/watched-service.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }

let server: LoginServer
let service: WatchedService
let usual: Usual

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example', mechanisms: ['SCRAM-SHA-1'] })
  usual = server.usual
  service = await startWatchedService([server])
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

describe('a login that the server rejects', () => {
  test.each([
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

const notBase64 = { status: 502, code: 'remote-protocol-error', step: 'sasl' }

const pretenders: Case[] = [
  {
    who: 'sends <success/> with a wrong signature',
    script: { success: turn => turn.say(success(base64(`v=${base64('x'.repeat(20))}`))) },
    told: sasl(502, 'server-not-authentic'),
  },
  { who: 'requires too many iterations', usually: { iterations: 200_001 }, told: sasl(502, 'login-failed') },
  {
    who: 'sends a challenge that is not base64',
    script: { challenge: turn => turn.say(challenge('%%%%')) },
    told: notBase64,
  },
  {
    who: 'sends a <success/> that is not base64',
    script: { success: turn => turn.say(success('%%%%')) },
    told: notBase64,
  },
]

test.each(pretenders)('a login to a server that $who fails with $told.code', expectTold)
