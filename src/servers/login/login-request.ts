import type { Config, LoginKey, ServiceAccount } from '../../config/config.js'
import { accountFor } from '../../config/serving.js'
import type { CallIds } from '../../lib/call-ids.js'
import type { Jid } from '../../xmpp/jid/jid.js'
import type { HashedToken } from './sasl/hashed-token.js'
import type { ScramProof } from './sasl/mechanism.js'

/** Never log credentials. `user` is the account of the password, by default the user of the JID. */
export type Credentials =
  | { readonly kind: 'password'; readonly password: string; readonly user?: string | undefined }
  | { readonly kind: 'token'; readonly token: string; readonly mechanism: string }
  | { readonly kind: 'service'; readonly account: ServiceAccount }
  | { readonly kind: 'signed'; readonly key: LoginKey }
  | { readonly kind: 'certificate' }
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'keys'; readonly proof: ScramProof }
  | { readonly kind: 'fast'; readonly token: HashedToken }

/** What the operator has for the users of a domain. */
export type OperatorLogin = Extract<Credentials, { kind: 'service' | 'signed' }>

export function operatorLogin(
  { loginKeys, serviceAccounts }: Pick<Config, 'loginKeys' | 'serviceAccounts'>,
  domain: string,
): OperatorLogin | undefined {
  const key = loginKeys.get(domain)
  if (key !== undefined) return { kind: 'signed', key }
  const account = accountFor(serviceAccounts, domain)
  return account && { kind: 'service', account }
}

export interface LoginRequest {
  readonly jid: Jid
  readonly credentials: Credentials
  readonly ids?: CallIds | undefined
}
