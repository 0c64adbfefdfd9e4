// Runs in npm run test:all only: ten seconds.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { type LoginServer, type Stage, stages, startLoginServer, type Turn } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'

const alice = { jid: 'alice@tls.example', password: 'Pa55-of-alice' }

let server: LoginServer
let service: WatchedService

beforeAll(async () => {
  const certificate = makeCertificate(['DNS:tls.example'])
  const moreFeatures = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"
  server = await startLoginServer({ domain: 'tls.example', certificate, moreFeatures })
  service = await startWatchedService([server])
})

afterAll(async () => {
  await service.stop()
  await server.stop()
})

const beforeEncryption = new Set<Stage>(['connect', 'header', 'starttls', 'proceed'])
/** Stages at which the server has not sent its stream header. */
const opening = new Set<Stage>(['connect', 'header', 'restart'])

/** The step that the caller sees. */
function stepOf(stage: Stage): string {
  if (beforeEncryption.has(stage)) return 'tls'
  if (stage === 'features') return 'features'
  return stage === 'challenge' || stage === 'success' ? 'sasl' : 'bind'
}

const header =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>"

function streamError(turn: Turn, stage: Stage, condition: string): void {
  const error = `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`
  turn.say(`${opening.has(stage) ? header : ''}${error}</stream:stream>`)
  turn.close()
}

interface Fault {
  readonly does: string
  readonly act: (turn: Turn, stage: Stage) => void
  readonly code: string
  readonly condition?: string
}

const faults: Fault[] = [
  { does: 'closes the connection', act: turn => turn.close(), code: 'remote-connection-failed' },
  { does: 'resets the connection', act: turn => turn.reset(), code: 'remote-connection-failed' },
  {
    does: 'sends another protocol',
    act: turn => turn.say('220 mail.example ESMTP <&>\r\n'),
    code: 'remote-protocol-error',
  },
  {
    does: 'sends bytes that are not UTF-8',
    act: turn => turn.say(Buffer.from([0x3c, 0xff, 0xfe, 0x00, 0x80])),
    code: 'remote-protocol-error',
  },
  {
    does: 'closes in the middle of an element',
    act: turn => {
      turn.say(turn.usual.slice(0, turn.usual.length / 2))
      turn.close()
    },
    code: 'remote-connection-failed',
  },
  {
    does: 'does not serve the domain',
    act: (turn, stage) => streamError(turn, stage, 'host-unknown'),
    code: 'host-unknown',
    condition: 'host-unknown',
  },
  {
    does: 'ends the stream with policy-violation',
    act: (turn, stage) => streamError(turn, stage, 'policy-violation'),
    code: 'remote-stream-error',
    condition: 'policy-violation',
  },
  {
    does: 'sends an endless element',
    act: (turn, stage) => turn.say(`${opening.has(stage) ? header : ''}<success>${'x'.repeat(1_100_000)}`),
    code: 'remote-protocol-error',
  },
  {
    does: 'nests elements too deep',
    act: (turn, stage) => turn.say(`${opening.has(stage) ? header : ''}${'<a>'.repeat(200)}`),
    code: 'remote-protocol-error',
  },
  {
    does: 'sends a document type with entities',
    act: turn => turn.say(`<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><a>&b;</a>`),
    code: 'remote-protocol-error',
  },
]

describe.each(stages)('at the stage %s', stage => {
  test.each(faults)('a server that $does causes $code, and its connection is closed', async fault => {
    const { act, code, condition } = fault
    server.script = { [stage]: (turn: Turn) => act(turn, stage) }
    const problem = await service.problem(alice)
    // A reset at once may come before the connection is established.
    const step = stage === 'connect' && problem.step === 'connect' ? 'connect' : stepOf(stage)
    expect(problem).toEqual({ status: 502, code, step, ...(condition === undefined ? {} : { condition }) })
    expect(service.outcomes().at(-1)).toMatchObject({ code, step })
    await service.emptied()
    expect(server.last.reached).toContain(stage)
    expect(server.last.attempts).toBeLessThanOrEqual(1)
    expect(server.complaints).toEqual([])
  })
})
