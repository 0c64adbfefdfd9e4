import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { idOf, streamFeatures } from '../support/login-server/elements.js'
import {
  type LoginServer,
  type Script,
  startLoginServer,
  type Turn,
  type Usual,
} from '../support/login-server/server.js'
import { startWatchedService, type ToldProblem, type WatchedService } from '../support/login-server/watched-service.js'

let server: LoginServer
let service: WatchedService
let usual: Usual

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example' })
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

const iqError = (turn: Turn, condition: string, type = 'cancel') =>
  `<iq type='error' id='${idOf(turn)}'><error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`
const bound = (turn: Turn, inner: string) =>
  `<iq type='result' id='${idOf(turn)}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${inner}</bind></iq>`

interface Case {
  readonly who: string
  readonly script?: Script
  readonly usually?: Partial<Usual>
  readonly told: ToldProblem
}

const bindProblem = (status: number, code: string, condition?: string): ToldProblem =>
  condition === undefined ? { status, code, step: 'bind' } : { status, code, step: 'bind', condition }

const noBinding: Case[] = [
  {
    who: 'reports a resource conflict',
    script: { bind: turn => turn.say(iqError(turn, 'conflict', 'modify')) },
    told: bindProblem(409, 'conflict', 'conflict'),
  },
  ...['resource-constraint', 'not-allowed', 'bad-request'].map(condition => ({
    who: `answers the bind request with ${condition}`,
    script: { bind: (turn: Turn) => turn.say(iqError(turn, condition)) },
    told: bindProblem(502, 'bind-refused', condition),
  })),
  {
    who: 'returns an error without a cause',
    script: { bind: turn => turn.say(`<iq type='error' id='${idOf(turn)}'/>`) },
    told: bindProblem(502, 'remote-protocol-error'),
  },
  {
    who: 'returns an error with an empty cause',
    script: { bind: turn => turn.say(`<iq type='error' id='${idOf(turn)}'><error type='cancel'/></iq>`) },
    told: bindProblem(502, 'remote-protocol-error'),
  },
  {
    who: 'returns no JID',
    script: { bind: turn => turn.say(bound(turn, '')) },
    told: bindProblem(502, 'remote-protocol-error'),
  },
  {
    who: 'returns an empty JID',
    script: { bind: turn => turn.say(bound(turn, '<jid/>')) },
    told: bindProblem(502, 'remote-protocol-error'),
  },
  {
    who: 'returns something that is not a full JID',
    script: { bind: turn => turn.say(bound(turn, '<jid>@/@</jid>')) },
    told: bindProblem(502, 'remote-protocol-error'),
  },
  ...['plain.example', 'alice@plain.example', 'plain.example/x', '@plain.example/x', 'alice@/x'].map(jid => ({
    who: `returns ${jid}`,
    script: { bind: (turn: Turn) => turn.say(bound(turn, `<jid>${jid}</jid>`)) },
    told: bindProblem(502, 'remote-protocol-error'),
  })),
  ...[
    'bob@plain.example/x',
    'alice@other.example/x',
    'alice@sub.plain.example/x',
    'alice2@plain.example/alice@plain.example',
  ].map(jid => ({
    who: `returns ${jid}`,
    script: { bind: (turn: Turn) => turn.say(bound(turn, `<jid>${jid}</jid>`)) },
    told: bindProblem(502, 'jid-mismatch'),
  })),
  {
    who: 'returns an empty result',
    script: { bind: turn => turn.say(`<iq type='result' id='${idOf(turn)}'/>`) },
    told: bindProblem(502, 'remote-protocol-error'),
  },
  {
    who: 'does not offer resource binding',
    script: { features2: turn => turn.say(streamFeatures('')) },
    told: bindProblem(502, 'remote-protocol-error'),
  },
  {
    who: 'closes the stream right after binding',
    script: {
      bind: turn => {
        turn.say(`${turn.usual}</stream:stream>`)
        turn.close()
      },
    },
    told: bindProblem(502, 'remote-connection-failed'),
  },
  {
    who: 'requires a session request and rejects it',
    usually: { moreFeatures: "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>" },
    script: { session: turn => turn.say(iqError(turn, 'internal-server-error')) },
    told: bindProblem(502, 'bind-refused', 'internal-server-error'),
  },
]

test.each(noBinding)('if the server $who, the warm call returns $told.code', async about => {
  const { script = {}, usually, told } = about
  server.script = script
  server.usual = { ...usual, ...usually }
  expect(await service.problem({ jid: 'alice@plain.example', password: 'Pa55-of-alice' })).toEqual(told)
})
