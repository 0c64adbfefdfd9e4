// What it means to the caller when the server refuses a login, or its link ends.

import { Problem, type ProblemCode, type Step } from '../../lib/errors.js'
import type { Failure } from '../../xmpp/link.js'
import { childrenOf } from '../../xmpp/xml/document.js'
import { CertificateFault } from '../net/certificate-fault.js'

/** The conditions of RFC 6120 §6.5 that the caller can act on. */
const bySaslCondition = new Map<string | undefined, ProblemCode>([
  ['not-authorized', 'not-authorized'],
  ['account-disabled', 'account-disabled'],
  ['credentials-expired', 'credentials-expired'],
  ['temporary-auth-failure', 'temporary-auth-failure'],
  ['invalid-authzid', 'authzid-refused'],
  ['invalid-mechanism', 'no-mechanism'],
  ['mechanism-too-weak', 'no-mechanism'],
  ['encryption-required', 'no-mechanism'],
])

/** What the operator can do where the server refuses the mechanism. */
const advice = new Map<string | undefined, (mechanism: string) => string>([
  ['invalid-mechanism', name => `It does not take ${name}, though it offers it: see XMPP_MECHANISMS.`],
  ['mechanism-too-weak', name => `It takes ${name} for too weak: see XMPP_MECHANISMS.`],
  [
    'encryption-required',
    name => `It wants the link to be encrypted before ${name}: see tls=none in XMPP_SERVERS.`,
  ],
])

/** The problem behind a link that ended under its login, which had come as far as `step`. */
export function linkEnded(failure: Failure, step: Step): Problem {
  const { code, condition, cause } = failure
  const isLater = step === 'sasl' || step === 'bind'
  return new Problem(code, {
    // The link does not know how far the login has come since the stream was opened, nor what ended it from outside.
    step: code === 'shutting-down' || (failure.step === 'features' && isLater) ? step : failure.step,
    condition,
    detail: cause instanceof CertificateFault ? cause.message : undefined,
    cause,
  })
}

/** The problem that a SASL `<failure/>` is, after this mechanism. */
export function saslRefused(failure: string, mechanism: string): Problem {
  const condition = childrenOf(failure).find(({ name }) => name !== 'text')?.name
  return new Problem(bySaslCondition.get(condition) ?? 'login-failed', {
    step: 'sasl',
    condition,
    detail: advice.get(condition)?.(mechanism),
  })
}

/** The problem that an IQ of type `error` is, where it answers a request of the login's. */
export function bindRefused(iq: string): Problem {
  const error = childrenOf(iq).find(({ name }) => name === 'error')
  const condition = error && childrenOf(error.text)[0]?.name
  if (condition === undefined) return new Problem('remote-protocol-error', { step: 'bind' })
  return new Problem(condition === 'conflict' ? 'conflict' : 'bind-refused', { step: 'bind', condition })
}
