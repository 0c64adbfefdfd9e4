import { Problem } from '../../../lib/errors.js'
import { type Mechanism, saslName, toByteString } from './mechanism.js'

/** RFC 7628 §3.1. Alone it answers an error (§3.2.3). */
const separator = '\x01'

/** OAUTHBEARER (RFC 7628), for encrypted links only. */
export function oauthBearer(authzid: string, token: string): Mechanism {
  const message = toByteString(
    `n,a=${saslName(authzid)},${separator}auth=Bearer ${token}${separator}${separator}`,
  )
  let isRefused = false
  const demandAcceptance = () => {
    if (isRefused) throw new Problem('remote-protocol-error', { step: 'sasl' })
  }
  return {
    name: 'OAUTHBEARER',
    clientFirst: true,
    response: () => (isRefused ? separator : message),
    /** An error. The failure follows our answer. */
    challenge() {
      demandAcceptance()
      isRefused = true
    },
    success: demandAcceptance,
  }
}
