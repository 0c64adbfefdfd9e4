import { Problem } from '../../../lib/errors.js'
import { type Mechanism, saslName, toByteString } from './mechanism.js'

/** Ends each field of the messages; alone it is the answer to an error (RFC 7628 §3.1, §3.2.3). */
const separator = '\x01'

/** SASL OAUTHBEARER (RFC 7628): a bearer token, for encrypted links only. */
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
    /** The server says why it refuses the token. The failure comes when that has been answered. */
    challenge() {
      demandAcceptance()
      isRefused = true
    },
    success: demandAcceptance,
  }
}
