import type { Mechanism } from './sasl/mechanism.js'
import type { LoginWish } from './wish.js'

/** What a later login of the same user needs. Undefined if that is the password, or nobody's account. */
export function wishAgain({ jid, credentials }: LoginWish, mechanism: Mechanism | undefined): LoginWish | undefined {
  switch (credentials.kind) {
    case 'password':
    case 'keys': {
      const proof = mechanism?.proof
      return proof && { jid, credentials: { kind: 'keys', proof } }
    }
    case 'token':
    case 'service':
    case 'certificate':
      return { jid, credentials }
    case 'anonymous':
      return undefined
  }
}
