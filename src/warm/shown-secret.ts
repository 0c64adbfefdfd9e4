import type { Verified } from '../login/sasl/verified-credentials.js'
import type { WarmRequest } from './binding.js'

/** The secret in a request that opens this user's session; undefined where the operator's word does, or nothing. */
export function shownSecret({ jid, credentials }: WarmRequest): Verified | undefined {
  const { domain, local: user } = jid
  switch (credentials.kind) {
    case 'password':
      return { kind: `password of ${credentials.user ?? user}`, domain, user, secret: credentials.password }
    case 'token':
      return { kind: `token for ${credentials.mechanism}`, domain, user, secret: credentials.token }
    default:
      return undefined
  }
}
