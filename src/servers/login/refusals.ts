import { limitDetail } from '../../lib/counts.js'
import { Problem, type ProblemCode, type Step } from '../../lib/errors.js'
import type { Failure } from '../../xmpp/link.js'
import { childrenOf } from '../../xmpp/xml/document.js'
import { CertificateFault } from '../net/certificate-fault.js'

/** RFC 6120 §6.5. */
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

const advice = new Map<string | undefined, (mechanism: string) => string>([
  ['invalid-mechanism', name => `It offers ${name}, but does not accept it: see XMPP_MECHANISMS.`],
  ['mechanism-too-weak', name => `It considers ${name} too weak: see XMPP_MECHANISMS.`],
  ['encryption-required', name => `It requires an encrypted link for ${name}: see tls=none in XMPP_SERVERS.`],
])

export function linkEnded(failure: Failure, step: Step): Problem {
  const { code, condition, cause, server } = failure
  const isLater = failure.step === 'stream' || (failure.step === 'features' && (step === 'sasl' || step === 'bind'))
  return new Problem(code, {
    step: code === 'shutting-down' || isLater ? step : failure.step,
    condition,
    detail: detailOf(failure),
    cause,
    server,
  })
}

function detailOf({ code, cause, detail }: Failure): string | undefined {
  if (code === 'service-full') return limitDetail('descriptors')
  if (code === 'local-ports-exhausted') return limitDetail('local-ports')
  return cause instanceof CertificateFault ? cause.message : detail
}

export function saslRefused(failure: string, mechanism: string): Problem {
  const condition = childrenOf(failure).find(({ name }) => name !== 'text')?.name
  return new Problem(bySaslCondition.get(condition) ?? 'login-failed', {
    step: 'sasl',
    condition,
    detail: advice.get(condition)?.(mechanism),
  })
}

export function bindRefused(iq: string): Problem {
  const condition = stanzaErrorIn(iq)
  if (condition === undefined) return new Problem('remote-protocol-error', { step: 'bind' })
  return new Problem(condition === 'conflict' ? 'conflict' : 'bind-refused', { step: 'bind', condition })
}

/** The condition of an IQ of type `error` (RFC 6120 §8.3.3). */
export function stanzaErrorIn(iq: string): string | undefined {
  const error = childrenOf(iq).find(({ name }) => name === 'error')
  return error && childrenOf(error.text)[0]?.name
}
