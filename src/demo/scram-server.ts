import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { saslprep } from '@mongodb-js/saslprep'
import { type Accounts, iterations, type ScramHash, type ScramKeys } from './accounts.js'
import { readAddress } from './stanza.js'

/** The server's next move: go on, let in with a proof of its own, or refuse with a condition of RFC 6120 §6.5. */
export type ScramMove =
  | { readonly kind: 'challenge'; readonly text: string }
  | { readonly kind: 'success'; readonly text: string; readonly account: string }
  | { readonly kind: 'failure'; readonly condition: string }

const clientFirst = /^([ny],(?:a=([^,]*))?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s
const clientFinal =
  /^((c=[A-Za-z0-9+/]+={0,2}),r=([\x21-\x2b\x2d-\x7e]+)(?:,[^,]*)*?),p=([A-Za-z0-9+/]+={0,2})$/s

export const refuse = (condition: string): ScramMove => ({ kind: 'failure', condition })

/** The server's side of one SCRAM login without channel binding (RFC 5802 §5). */
export class ScramServer {
  readonly #hash: ScramHash
  readonly #accounts: Accounts
  #account = ''
  #gs2Header = ''
  #firstBare = ''
  #serverFirst = ''
  #nonce = ''
  #keys: ScramKeys | undefined

  constructor(hash: ScramHash, accounts: Accounts) {
    this.#hash = hash
    this.#accounts = accounts
  }

  next(message: string): ScramMove {
    return this.#keys === undefined ? this.#challenge(message) : this.#judge(message, this.#keys)
  }

  #challenge(message: string): ScramMove {
    const [, gs2Header, authzid, firstBare, name, clientNonce] = clientFirst.exec(message) ?? []
    const account = name === undefined ? undefined : prepareName(name)
    if (account === undefined) return refuse('malformed-request')
    if (authzid !== undefined && readAddress(unescapeName(authzid) ?? '')?.account !== account) {
      return refuse('invalid-authzid')
    }
    this.#keys = this.#accounts.keys(account, this.#hash)
    this.#account = account
    this.#gs2Header = gs2Header!
    this.#firstBare = firstBare!
    this.#nonce = clientNonce + randomBytes(18).toString('base64')
    this.#serverFirst = `r=${this.#nonce},s=${this.#keys.salt.toString('base64')},i=${iterations}`
    return { kind: 'challenge', text: this.#serverFirst }
  }

  #judge(message: string, { storedKey, serverKey }: ScramKeys): ScramMove {
    const [, withoutProof, binding, nonce, proofText] = clientFinal.exec(message) ?? []
    if (withoutProof === undefined) return refuse('malformed-request')
    const sameBinding = binding === `c=${Buffer.from(this.#gs2Header).toString('base64')}`
    const authMessage = `${this.#firstBare},${this.#serverFirst},${withoutProof}`
    const signature = createHmac(this.#hash, storedKey).update(authMessage).digest()
    const proof = Buffer.from(proofText!, 'base64')
    const clientKey = signature.map((byte, index) => byte ^ (proof[index] ?? 0))
    const genuine = timingSafeEqual(createHash(this.#hash).update(clientKey).digest(), storedKey)
    const fits = sameBinding && nonce === this.#nonce && proof.length === signature.length
    if (!genuine || !fits || !this.#accounts.has(this.#account)) return refuse('not-authorized')
    const verifier = createHmac(this.#hash, serverKey).update(authMessage).digest('base64')
    return { kind: 'success', text: `v=${verifier}`, account: this.#account }
  }
}

/** A user name as accounts are kept; undefined for what the mechanism forbids (RFC 5802 §5.1). */
function prepareName(escaped: string): string | undefined {
  try {
    const name = unescapeName(escaped)
    return name === undefined || name === '' ? undefined : saslprep(name).toLowerCase()
  } catch {
    return undefined
  }
}

function unescapeName(escaped: string): string | undefined {
  if (/=(?!2C|3D)/.test(escaped)) return undefined
  return escaped.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
