import { expect, test } from '@jest/globals'
import type { ProblemCode } from '../../src/lib/errors.js'
import { connectionFault } from '../../src/remote/remote-fault.js'
import { RequestTurn } from '../../src/remote/request-turn.js'
import type { LinkStep } from '../../src/xmpp/link.js'
import { FakeClock } from '../support/fake-clock.js'

const pauseAfter = (step: LinkStep, code: ProblemCode, inactivity: number | undefined) =>
  new RequestTurn(new FakeClock(), undefined).broke(connectionFault({ step, code }), inactivity)

test.each([
  ['resolve', 'timeout'],
  ['resolve', 'remote-connection-failed'],
  ['connect', 'remote-connection-failed'],
  ['connect', 'local-ports-exhausted'],
  ['connect', 'service-full'],
  ['tls', 'timeout'],
] as const)('a session repeats its request after %s %s, which may pass', (step, code) => {
  expect(pauseAfter(step, code, 60)).toBe(0)
  // Another creation could open another session.
  expect(pauseAfter(step, code, undefined)).toBeUndefined()
})

test.each([
  ['resolve', 'host-unknown'],
  ['connect', 'address-not-allowed'],
  ['tls', 'certificate-invalid'],
  ['features', 'remote-protocol-error'],
  ['features', 'internal-error'],
] as const)('a session ends after %s %s', (step, code) => {
  expect(pauseAfter(step, code, 60)).toBeUndefined()
})
