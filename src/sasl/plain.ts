import { Problem } from '../errors.js'
import { type Mechanism, toByteString } from './mechanism.js'

/** SASL PLAIN (RFC 4616): user and password in the clear, for encrypted links only. */
export class Plain implements Mechanism {
  readonly name = 'PLAIN'
  readonly clientFirst = true
  readonly #message: string

  constructor(user: string, password: string) {
    this.#message = toByteString(`\0${user}\0${password}`)
  }

  response(): string {
    return this.#message
  }

  challenge(): never {
    // There is nothing to ask; the password must not be sent a second time.
    throw new Problem('remote-protocol-error', { step: 'sasl' })
  }

  success(): void {}
}
