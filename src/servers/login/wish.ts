import type { ServiceAccount } from '../../config/config.js'
import type { Jid } from '../../xmpp/jid/jid.js'
import type { HashedToken } from './sasl/hashed-token.js'
import type { ScramProof } from './sasl/scram-proof.js'

/**
 * Never logged. `password`: the user's own, or of another `user` who may act for them. `service`: an
 * operator's account that acts for users. `certificate`: as set for the server. `keys`: of an earlier login.
 * `fast`: a token of an earlier login, and its keys if the token is refused.
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
  /** The wanted session. Without a resource the server chooses it. */
  readonly jid: Jid
  readonly credentials: Credentials
  /** For the log. */
  readonly requestId?: string | undefined
}
