// SCRAM-SHA-1 (RFC 5802) from the client's side, and the keys a server stores. Apart from `src`, so that
// a mistake there cannot hide behind the same mistake here.
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const deriveKey = promisify(pbkdf2)

const hmac = (key: Buffer, text: string, algorithm = 'sha1') => createHmac(algorithm, key).update(text).digest()
const hash = (data: Buffer, algorithm = 'sha1') => createHash(algorithm).update(data).digest()

/** What the sides show each other (RFC 5802 §3), in base64: the client its proof, and the server its signature. */
export function scramProofs(salted: Buffer, authMessage: string, algorithm = 'sha1') {
  const clientKey = hmac(salted, 'Client Key', algorithm)
  const clientSignature = hmac(hash(clientKey, algorithm), authMessage, algorithm)
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ clientSignature[index]!))
  const serverSignature = hmac(hmac(salted, 'Server Key', algorithm), authMessage, algorithm)
  return { proof: proof.toString('base64'), signature: serverSignature.toString('base64') }
}

/** RFC 5802 §3 `Hi()`; 20 bytes. Passwords are taken as they are: no SASLprep, so use ASCII. */
export const saltPassword = (password: string, salt: Buffer, iterations: number): Promise<Buffer> =>
  deriveKey(password, salt, iterations, 20, 'sha1')

/** What a server keeps instead of the password, in hexadecimal. */
export async function storedKeys(password: string, salt: Buffer, iterations: number) {
  const salted = await saltPassword(password, salt, iterations)
  return {
    storedKey: hash(hmac(salted, 'Client Key')).toString('hex'),
    serverKey: hmac(salted, 'Server Key').toString('hex'),
  }
}

/** Salted passwords a client remembers between logins, by user, password, salt and iterations. */
export type SaltedPasswords = Map<string, Promise<Buffer>>

/** One SCRAM-SHA-1 exchange. All messages are base64, as they stand in the SASL elements. */
export class ScramClient {
  /** The text of `<auth/>`. */
  readonly first: string
  readonly #header: string
  readonly #bare: string
  readonly #nonce = randomBytes(18).toString('base64')
  #serverSignature = ''

  constructor(
    readonly user: string,
    readonly password: string,
    readonly remembered: SaltedPasswords = new Map(),
    authzid = '',
  ) {
    this.#header = `n,${authzid === '' ? '' : `a=${saslName(authzid)}`},`
    this.#bare = `n=${saslName(user)},r=${this.#nonce}`
    this.first = base64(this.#header + this.#bare)
  }

  /** Turns the server's challenge into the text of `<response/>`; rejects when it is not an answer to `first`. */
  async final(challenge: string): Promise<string> {
    const serverFirst = Buffer.from(challenge, 'base64').toString()
    const match = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(serverFirst)
    if (!match?.[1]?.startsWith(this.#nonce)) throw new Error(`not a SCRAM challenge: ${serverFirst}`)
    const [, nonce, salt = '', iterations = ''] = match
    const key = `${this.user}\0${this.password}\0${salt}\0${iterations}`
    let remembered = this.remembered.get(key)
    if (!remembered) {
      remembered = saltPassword(this.password, Buffer.from(salt, 'base64'), Number(iterations))
      this.remembered.set(key, remembered)
    }
    const salted = await remembered
    const withoutProof = `c=${base64(this.#header)},r=${nonce}`
    const authMessage = `${this.#bare},${serverFirst},${withoutProof}`
    const { proof, signature } = scramProofs(salted, authMessage)
    this.#serverSignature = signature
    return base64(`${withoutProof},p=${proof}`)
  }

  /** Throws unless the text of `<success/>` proves that the server knows the password too. */
  check(success: string): void {
    const expected = Buffer.from(`v=${this.#serverSignature}`)
    const said = Buffer.from(success, 'base64')
    if (expected.length !== said.length || !timingSafeEqual(expected, said)) {
      throw new Error('the server signature is wrong')
    }
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

const saslName = (name: string) => name.replaceAll('=', '=3D').replaceAll(',', '=2C')
