// SCRAM-SHA-1 (RFC 5802) from the client's side, and the keys a server stores. Apart from `src`, so that
// a mistake there cannot hide behind the same mistake here.
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const deriveKey = promisify(pbkdf2)

const hmac = (key: Buffer, text: string) => createHmac('sha1', key).update(text).digest()
const sha1 = (data: Buffer) => createHash('sha1').update(data).digest()

/** RFC 5802 §3 `Hi()`; 20 bytes. Passwords are taken as they are: no SASLprep, so use ASCII. */
export const saltPassword = (password: string, salt: Buffer, iterations: number): Promise<Buffer> =>
  deriveKey(password, salt, iterations, 20, 'sha1')

/** What a server keeps instead of the password, in hexadecimal. */
export async function storedKeys(password: string, salt: Buffer, iterations: number) {
  const salted = await saltPassword(password, salt, iterations)
  return {
    storedKey: sha1(hmac(salted, 'Client Key')).toString('hex'),
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
  #serverSignature = Buffer.alloc(0)

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
    const clientKey = hmac(salted, 'Client Key')
    const signature = hmac(sha1(clientKey), authMessage)
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), authMessage)
    const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))
    return base64(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)
  }

  /** Throws unless the text of `<success/>` proves that the server knows the password too. */
  check(success: string): void {
    const expected = Buffer.from(`v=${this.#serverSignature.toString('base64')}`)
    const said = Buffer.from(success, 'base64')
    if (expected.length !== said.length || !timingSafeEqual(expected, said)) {
      throw new Error('the server signature is wrong')
    }
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

const saslName = (name: string) => name.replaceAll('=', '=3D').replaceAll(',', '=2C')
