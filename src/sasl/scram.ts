import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { saslprep } from '@mongodb-js/saslprep'
import { Problem } from '../errors.js'
import { fromByteString, type Mechanism, toByteString } from './mechanism.js'
import type { SaltedPasswords, ScramHash, ScramKeys } from './salted-passwords.js'

/** The SCRAM mechanisms, the strongest first (RFC 5802, RFC 7677). */
export const scramHashes = {
  'SCRAM-SHA-512': 'sha512',
  'SCRAM-SHA-256': 'sha256',
  'SCRAM-SHA-1': 'sha1',
} as const satisfies Record<string, ScramHash>

export type ScramName = keyof typeof scramHashes

export interface ScramParts {
  readonly user: string
  readonly password: string
  readonly saltedPasswords: SaltedPasswords
  /** Most iterations a server may ask for; the fewest are 4096 (RFC 5802 §5.1). */
  readonly maxIterations: number
  readonly signal: AbortSignal
  /** The client's part of the nonce; a random one of 144 bits unless a test brings the one of an example. */
  readonly nonce?: string
}

const minIterations = 4096
/** "No channel binding", which is said again in the second message (RFC 5802 §7). */
const gs2Header = 'n,,'

/** One SCRAM login, without channel binding (RFC 5802 §5). Fails unless the server proves itself, too. */
export class Scram implements Mechanism {
  readonly name: ScramName
  readonly clientFirst = true
  readonly #parts: ScramParts
  readonly #hash: ScramHash
  readonly #nonce: string
  #firstBare = ''
  #serverFirst: string | undefined
  #keys: ScramKeys | undefined
  #authMessage = ''
  #serverProved = false

  constructor(name: ScramName, parts: ScramParts) {
    this.name = name
    this.#hash = scramHashes[name]
    this.#parts = parts
    this.#nonce = parts.nonce ?? randomBytes(18).toString('base64')
  }

  response(): string | Promise<string> {
    if (this.#serverProved) return ''
    if (this.#serverFirst !== undefined) return this.#prove(this.#serverFirst)
    const user = prepare(this.#parts.user, 'jid').replaceAll('=', '=3D').replaceAll(',', '=2C')
    this.#firstBare = `n=${user},r=${this.#nonce}`
    return toByteString(gs2Header + this.#firstBare)
  }

  challenge(message: string): void {
    const text = fromByteString(message)
    if (this.#serverFirst === undefined) this.#serverFirst = text
    else this.#verify(text)
  }

  success(data: string | undefined): void {
    if (data !== undefined && !this.#serverProved) this.#verify(fromByteString(data))
    if (!this.#serverProved) throw notAuthentic()
  }

  async #prove(serverFirst: string): Promise<string> {
    const { user, saltedPasswords, maxIterations, signal } = this.#parts
    const fields = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=(\d{1,9})(?:,|$)/.exec(serverFirst)
    if (fields === null) throw refusal('the first message of the server is not SCRAM')
    const [, nonce, saltText, iterationText] = fields as unknown as [string, string, string, string]
    const iterations = Number(iterationText)
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw refusal('the server did not extend the nonce')
    }
    if (iterations < minIterations || iterations > maxIterations) {
      throw refusal(`the server asks for ${iterations} iterations`)
    }
    const keys = await saltedPasswords.keys(
      {
        user,
        password: prepare(this.#parts.password, 'password'),
        salt: Buffer.from(saltText, 'base64'),
        iterations,
        hash: this.#hash,
      },
      signal,
    )
    const withoutProof = `c=${btoa(gs2Header)},r=${nonce}`
    this.#keys = keys
    this.#authMessage = `${this.#firstBare},${serverFirst},${withoutProof}`
    const signature = createHmac(this.#hash, keys.storedKey).update(this.#authMessage).digest()
    const proof = keys.clientKey.map((byte, index) => byte ^ signature[index]!)
    return toByteString(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)
  }

  #verify(serverFinal: string): void {
    const signature = /^v=([A-Za-z0-9+/]+={0,2})(?:,|$)/.exec(serverFinal)?.[1]
    if (signature === undefined || this.#keys === undefined) throw notAuthentic()
    const given = Buffer.from(signature, 'base64')
    const expected = createHmac(this.#hash, this.#keys.serverKey).update(this.#authMessage).digest()
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw notAuthentic()
    this.#serverProved = true
  }
}

/** SASLprep (RFC 4013), which changes nothing in printable ASCII. */
function prepare(text: string, parameter: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text
  try {
    // As a query: what Unicode 3.2 did not know yet may be in it (RFC 5802 §5.1).
    return saslprep(text, { allowUnassigned: true })
  } catch {
    throw new Problem('invalid-parameter', { detail: `${parameter}: has characters that SASLprep forbids` })
  }
}

function notAuthentic(): Problem {
  return new Problem('server-not-authentic', { step: 'sasl' })
}

function refusal(detail: string): Problem {
  return new Problem('login-failed', { step: 'sasl', detail })
}
