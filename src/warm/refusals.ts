// What an end that came from the other side means to the one who asked for a login.

import { Problem, type ProblemCode, type Step } from '../errors.js'
import type { Facts } from '../exchange.js'
import { CertificateFault } from '../net/certificate-fault.js'
import { childrenOf } from '../xml/children.js'
import type { Root } from '../xml/root.js'

const byBoshCondition: Partial<Record<string, ProblemCode>> = {
  'host-unknown': 'host-unknown',
  'host-gone': 'host-unknown',
  'remote-stream-error': 'remote-stream-error',
  'system-shutdown': 'shutting-down',
}

/** The conditions of RFC 6120 §6.5 that tell whoever asked something to act on. */
const bySaslCondition: Partial<Record<string, ProblemCode>> = {
  'not-authorized': 'not-authorized',
  'account-disabled': 'account-disabled',
  'credentials-expired': 'credentials-expired',
  'temporary-auth-failure': 'temporary-auth-failure',
  'invalid-authzid': 'authzid-refused',
  'invalid-mechanism': 'no-mechanism',
  'mechanism-too-weak': 'no-mechanism',
  'encryption-required': 'no-mechanism',
}

/** The problem behind a session that ended under its login, which had come as far as `step`. */
export function sessionEnded(root: Root, facts: Facts | undefined, step: Step): Problem {
  const failure = facts?.failure
  if (failure !== undefined) {
    return new Problem(failure.code, {
      // To the link all is one once the stream is open; how far the login has come is known here alone.
      step: failure.step === 'features' && (step === 'sasl' || step === 'bind') ? step : failure.step,
      condition: failure.condition,
      detail: failure.cause instanceof CertificateFault ? failure.cause.message : undefined,
      cause: failure.cause,
    })
  }
  const condition = root.attribute('condition')
  return new Problem(byBoshCondition[condition ?? ''] ?? 'remote-connection-failed', { step, condition })
}

/** The problem that a SASL `<failure/>` is, after this mechanism. */
export function saslRefused(failure: string, mechanism: string): Problem {
  const condition = childrenOf(failure).find(({ name }) => name !== 'text')?.name
  return new Problem(bySaslCondition[condition ?? ''] ?? 'login-failed', {
    step: 'sasl',
    condition,
    detail: detailOf(condition, mechanism),
  })
}

/** What can be done where it is for the mechanism that a server refuses. */
function detailOf(condition: string | undefined, mechanism: string): string | undefined {
  switch (condition) {
    case 'invalid-mechanism':
      return `It does not take ${mechanism}, though it offers it: see XMPP_MECHANISMS.`
    case 'mechanism-too-weak':
      return `It takes ${mechanism} for too weak: see XMPP_MECHANISMS.`
    case 'encryption-required':
      return `It wants the link to be encrypted before ${mechanism}: see tls=none in XMPP_SERVERS.`
    default:
      return undefined
  }
}

/** The problem that an IQ of type `error` is, where it answers a request of the login's. */
export function bindRefused(iq: string): Problem {
  const error = childrenOf(iq).find(({ name }) => name === 'error')
  const condition = error && childrenOf(error.text)[0]?.name
  if (condition === undefined) return new Problem('remote-protocol-error', { step: 'bind' })
  return new Problem(condition === 'conflict' ? 'conflict' : 'bind-refused', { step: 'bind', condition })
}
