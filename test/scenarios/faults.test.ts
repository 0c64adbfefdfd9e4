// Runs in npm run test:all only: ten seconds.
import { beforeAll, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { stoppedAfterAll } from '../support/closers.js'
import { type LoginServer, type Stage, stages, startLoginServer, type Turn } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'

const alice = { jid: 'alice@tls.example', password: 'Pa55-of-alice' }

let server: LoginServer
let service: WatchedService
const stopped = stoppedAfterAll()

beforeAll(async () => {
  const certificate = makeCertificate(['DNS:tls.example'])
  const moreFeatures = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"
  server = await stopped(startLoginServer({ domain: 'tls.example', certificate, moreFeatures }))
  service = await stopped(startWatchedService([server]))
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

/** What a server does, the code of the error, and its condition. */
type Fault = readonly [does: string, act: (turn: Turn, stage: Stage) => void, code: string, condition?: string]

const after = (stage: Stage, text: string) => `${opening.has(stage) ? header : ''}${text}`
const bad = Buffer.from([0x3c, 0xff, 0xfe, 0x00, 0x80])
const entities = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><a>&b;</a>'

const faults: readonly Fault[] = [
  ['closes the connection', turn => turn.close(), 'remote-connection-failed'],
  ['resets the connection', turn => turn.reset(), 'remote-connection-failed'],
  ['sends another protocol', turn => turn.say('220 mail.example ESMTP <&>\r\n'), 'remote-protocol-error'],
  ['sends bytes that are not UTF-8', turn => turn.say(bad), 'remote-protocol-error'],
  ['closes in the middle of an element', closeMidway, 'remote-connection-failed'],
  ['does not serve the domain', streamError('host-unknown'), 'host-unknown', 'host-unknown'],
  ['ends the stream', streamError('policy-violation'), 'remote-stream-error', 'policy-violation'],
  [
    'sends an endless element',
    (turn, stage) => turn.say(after(stage, `<success>${'x'.repeat(1_100_000)}`)),
    'remote-protocol-error',
  ],
  ['nests elements too deep', (turn, stage) => turn.say(after(stage, '<a>'.repeat(200))), 'remote-protocol-error'],
  ['sends a document type with entities', turn => turn.say(entities), 'remote-protocol-error'],
]

function closeMidway(turn: Turn): void {
  turn.say(turn.usual.slice(0, turn.usual.length / 2))
  turn.close()
}

function streamError(condition: string): Fault[1] {
  const error = `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`
  return (turn, stage) => {
    turn.say(after(stage, error))
    turn.close()
  }
}

describe.each(stages)('at the stage %s', stage => {
  test.each(faults)('a server that %s is an error of the login, and its connection is closed', async (...fault) => {
    const [, act, code, condition] = fault
    server.script = { [stage]: (turn: Turn) => act(turn, stage) }
    const problem = await service.problem(alice)
    // A reset at once may come before the connection is established.
    const step = stage === 'connect' && problem.step === 'connect' ? 'connect' : stepOf(stage)
    expect(problem).toEqual({ status: 502, code, step, ...(condition === undefined ? {} : { condition }) })
    await service.emptied()
    expect(server.last.attempts).toBeLessThanOrEqual(1)
    expect(server.complaints).toEqual([])
  })
})
