import type { ServiceAccount } from '../../config/config.js'
import type { CallIds } from '../../lib/call-ids.js'
import type { Jid } from '../../xmpp/jid/jid.js'
import type { HashedToken } from './sasl/hashed-token.js'
import type { ScramProof } from './sasl/scram-proof.js'

/**
 * Never logged. `password` belongs to the user, or to another `user` who may act for them. `keys` and the `fast` token
 * are from an earlier login. `fast` has keys in case its token is refused.
 */
export type Credentials =
  | { readonly kind: 'password'; readonly password: string; readonly user?: string | undefined }
  | { readonly kind: 'token'; readonly token: string; readonly mechanism: string }
  | { readonly kind: 'service'; readonly account: ServiceAccount }
  | { readonly kind: 'certificate' }
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'keys'; readonly proof: ScramProof }
  | { readonly kind: 'fast'; readonly token: HashedToken; readonly proof: ScramProof | undefined }

export interface LoginWish {
  readonly jid: Jid
  readonly credentials: Credentials
  readonly ids?: CallIds | undefined
}
