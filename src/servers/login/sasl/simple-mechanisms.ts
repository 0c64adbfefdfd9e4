import { Problem } from '../../../lib/errors.js'
import { type Mechanism, saslName, toByteString } from './mechanism.js'

/**
 * RFC 4616, only if `plainAllowed`. For X-OAUTH2 (Google, ejabberd) and X-TOKEN (Prosody), the password is a token.
 */
export function plain(user: string, secret: string, authzid = '', name = 'PLAIN'): Mechanism {
  return singleMessage(name, `${authzid}\0${user}\0${secret}`)
}

export function singleMessage(name: string, message: string): Mechanism {
  return {
    name,
    response: () => toByteString(message),
    challenge() {
      // A challenge is not allowed, and the answer would repeat the secret.
      throw new Problem('remote-protocol-error', { step: 'sasl' })
    },
    success() {},
  }
}

/** RFC 7628 §3.1. */
const separator = '\x01'

/** RFC 7628, only if `plainAllowed`. */
export function oauthBearer(authzid: string, token: string): Mechanism {
  const message = toByteString(`n,a=${saslName(authzid)},${separator}auth=Bearer ${token}${separator}${separator}`)
  let isRefused = false
  const demandAcceptance = () => {
    if (isRefused) throw new Problem('remote-protocol-error', { step: 'sasl' })
  }
  return {
    name: 'OAUTHBEARER',
    response: () => (isRefused ? separator : message),
    /** A challenge means an error. `<failure/>` follows the separator (RFC 7628 §3.2.3). */
    challenge() {
      demandAcceptance()
      isRefused = true
    },
    success: demandAcceptance,
  }
}
