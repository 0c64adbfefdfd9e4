import type { ServiceAccount } from '../../config/config.js'
import type { Jid } from '../../xmpp/jid/jid.js'

/**
 * What a login proves itself with, byte for byte as sent; never logged, never echoed. A `password` is the user's own, or
 * that of another `user` of the domain who may act for them. `service` is an account of the operator's that does,
 * `certificate` the one configured for the domain's server, `anonymous` nothing at all.
 */
export type Credentials =
  | { readonly kind: 'password'; readonly password: string; readonly user?: string | undefined }
  | { readonly kind: 'token'; readonly token: string; readonly mechanism: string }
  | { readonly kind: 'service'; readonly account: ServiceAccount }
  | { readonly kind: 'certificate' }
  | { readonly kind: 'anonymous' }

/** Who is to be logged in, and by what right. */
export interface LoginWish {
  /** Whose session is wanted, whichever account the credentials belong to. Without a resource the server chooses one. */
  readonly jid: Jid
  readonly credentials: Credentials
  /** The id of the API call in the log. */
  readonly requestId?: string | undefined
}
