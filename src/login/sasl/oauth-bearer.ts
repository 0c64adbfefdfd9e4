import { Problem } from '../../errors.js'
import { type Mechanism, saslName, toByteString } from './mechanism.js'

/** Ends each field of the messages; alone it is the answer to an error (RFC 7628 §3.1, §3.2.3). */
const separator = '\x01'

/** SASL OAUTHBEARER (RFC 7628): a bearer token, for encrypted links only. */
export class OAuthBearer implements Mechanism {
  readonly name = 'OAUTHBEARER'
  readonly clientFirst = true
  readonly #message: string
  #refused = false

  constructor(authzid: string, token: string) {
    const header = `n,a=${saslName(authzid)},`
    this.#message = toByteString(`${header}${separator}auth=Bearer ${token}${separator}${separator}`)
  }

  response(): string {
    return this.#refused ? separator : this.#message
  }

  /** The server says why it refuses the token. The failure comes when that has been answered. */
  challenge(): void {
    if (this.#refused) throw new Problem('remote-protocol-error', { step: 'sasl' })
    this.#refused = true
  }

  success(): void {
    if (this.#refused) throw new Problem('remote-protocol-error', { step: 'sasl' })
  }
}
