import { Problem } from '../../errors.js'
import { type Mechanism, saslName, toByteString } from './mechanism.js'

/** Ends a field of the messages, and is the whole answer to an error (RFC 7628 §3.1, §3.2.3). */
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

  /** What the server says here is why it refuses the token; the failure comes with the answer to that. */
  challenge(): void {
    if (this.#refused) throw new Problem('remote-protocol-error', { step: 'sasl' })
    this.#refused = true
  }

  success(): void {
    if (this.#refused) throw new Problem('remote-protocol-error', { step: 'sasl' })
  }
}
