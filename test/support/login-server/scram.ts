// The server's side of SCRAM (RFC 5802), strict and with parts that a test can spoil. Apart from `src`, so that a
// mistake there cannot hide behind the same mistake here.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

export const scramMechanisms = {
  'SCRAM-SHA-512': { algorithm: 'sha512', length: 64 },
  'SCRAM-SHA-256': { algorithm: 'sha256', length: 32 },
  'SCRAM-SHA-1': { algorithm: 'sha1', length: 20 },
} as const

export type ScramMechanism = keyof typeof scramMechanisms

/** Salted passwords, so that a hundred logins cost one derivation. */
const salted = new Map<string, Buffer>()

export class ScramServer {
  /** The user who wants to log in. */
  user = ''
  /** Text of the challenge, before base64. */
  serverFirst = ''
  /** What the client did that RFC 5802 does not allow. */
  complaint: string | undefined
  readonly #algorithm: string
  readonly #length: number
  #firstBare = ''

  constructor(mechanism: ScramMechanism, clientFirst: string, salt: Buffer, iterations: number) {
    this.#algorithm = scramMechanisms[mechanism].algorithm
    this.#length = scramMechanisms[mechanism].length
    const [, bare, user, nonce] = /^n,,(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]{22,}))$/.exec(clientFirst) ?? []
    if (bare === undefined) this.complaint = `no client-first-message: ${clientFirst}`
    this.user = (user ?? '').replaceAll('=2C', ',').replaceAll('=3D', '=')
    this.#firstBare = bare ?? ''
    const serverNonce = randomBytes(12).toString('base64')
    this.serverFirst = `r=${nonce}${serverNonce},s=${salt.toString('base64')},i=${iterations}`
  }

  /** The proof for the client, `v=…`; undefined if the client did not prove itself. */
  verify(clientFinal: string, password: string): string | undefined {
    const [, withoutProof, proof] = /^(c=biws,r=[^,]+),p=([A-Za-z0-9+/]+={0,2})$/.exec(clientFinal) ?? []
    if (withoutProof === undefined || proof === undefined) {
      this.complaint = `no client-final-message: ${clientFinal}`
      return undefined
    }
    const [, nonce, salt, iterations] = /^(r=[^,]+),s=([^,]+),i=(\d+)$/.exec(this.serverFirst) ?? []
    if (withoutProof !== `c=biws,${nonce}`) this.complaint = 'the nonce is another one'
    const key = this.#salt(password, salt ?? '', Number(iterations))
    const authMessage = `${this.#firstBare},${this.serverFirst},${withoutProof}`
    const clientKey = this.#hmac(key, 'Client Key')
    const storedKey = createHash(this.#algorithm).update(clientKey).digest()
    const signature = this.#hmac(storedKey, authMessage)
    const expected = clientKey.map((byte, index) => byte ^ signature[index]!)
    if (!Buffer.from(proof, 'base64').equals(Buffer.from(expected))) return undefined
    const serverKey = this.#hmac(key, 'Server Key')
    return `v=${this.#hmac(serverKey, authMessage).toString('base64')}`
  }

  #salt(password: string, salt: string, iterations: number): Buffer {
    const name = `${this.#algorithm} ${password} ${salt} ${iterations}`
    const known = salted.get(name)
    if (known !== undefined) return known
    const bytes = pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, this.#length, this.#algorithm)
    salted.set(name, bytes)
    return bytes
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.#algorithm, key).update(text).digest()
  }
}
