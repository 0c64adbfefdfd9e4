// The server's side of SCRAM (RFC 5802), strict and with parts that a test can spoil. Apart from `src`, so that a
// mistake there cannot hide behind the same mistake here.
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { scramProofs } from '../scram.js'

const algorithms = {
  'SCRAM-SHA-512': { algorithm: 'sha512', length: 64 },
  'SCRAM-SHA-256': { algorithm: 'sha256', length: 32 },
  'SCRAM-SHA-1': { algorithm: 'sha1', length: 20 },
} as const

type Algorithm = keyof typeof algorithms

export type ScramMechanism = Algorithm | `${Algorithm}-PLUS`

export function isScram(name: string): name is ScramMechanism {
  return name.replace(/-PLUS$/, '') in algorithms
}

export interface ScramTerms {
  readonly salt: Buffer
  readonly iterations: number
  /** The channel's bytes as this side sees them; undefined for a type that is not known here. */
  readonly channel: (type: string) => Buffer | undefined
}

/** Salted passwords, so that a hundred logins cost one derivation. */
const salted = new Map<string, Buffer>()

export class ScramServer {
  readonly user: string
  /** The user to act for; empty for the user who logs in. */
  readonly authzid: string
  /** What the client said of channel binding and of the user to act for. */
  readonly gs2Header: string
  /** Text of the challenge, before base64. */
  readonly serverFirst: string
  /** What the client did that RFC 5802 does not allow. */
  complaint: string | undefined
  readonly #algorithm: string
  readonly #length: number
  readonly #firstBare: string
  readonly #boundTo: Buffer

  constructor(mechanism: ScramMechanism, clientFirst: string, terms: ScramTerms) {
    const { algorithm, length } = algorithms[mechanism.replace(/-PLUS$/, '') as Algorithm]
    this.#algorithm = algorithm
    this.#length = length
    const [whole, header = '', flag = '', type, authzid = '', bare = '', user = '', nonce] =
      /^((n|y|p=([a-z-]+)),(?:a=([^,]+))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]{22,}))$/.exec(clientFirst) ?? []
    if (whole === undefined) this.complaint = `no client-first-message: ${clientFirst}`
    if ((type !== undefined) !== mechanism.endsWith('-PLUS')) this.complaint = `${flag} with ${mechanism}`
    const channel = type === undefined ? Buffer.alloc(0) : terms.channel(type)
    if (channel === undefined) this.complaint = `a channel binding that was not offered: ${type}`
    this.gs2Header = header
    this.#boundTo = Buffer.concat([Buffer.from(header), channel ?? Buffer.alloc(0)])
    this.user = unescaped(user)
    this.authzid = unescaped(authzid)
    this.#firstBare = bare
    const { salt, iterations } = terms
    this.serverFirst = `r=${nonce}${randomBytes(12).toString('base64')},s=${salt.toString('base64')},i=${iterations}`
  }

  /** The proof for the client, `v=…`; undefined if the client did not prove itself, or over another channel. */
  verify(clientFinal: string, password: string): string | undefined {
    const [, withoutProof, bound, saidNonce, proof] =
      /^(c=([A-Za-z0-9+/]+={0,2}),(r=[^,]+)),p=([A-Za-z0-9+/]+={0,2})$/.exec(clientFinal) ?? []
    if (withoutProof === undefined || bound === undefined || proof === undefined) {
      this.complaint = `no client-final-message: ${clientFinal}`
      return undefined
    }
    const [, nonce, salt, iterations] = /^(r=[^,]+),s=([^,]+),i=(\d+)$/.exec(this.serverFirst) ?? []
    if (saidNonce !== nonce) this.complaint = 'the nonce is another one'
    if (!Buffer.from(bound, 'base64').equals(this.#boundTo)) return undefined
    const key = this.#salt(password, salt ?? '', Number(iterations))
    const authMessage = `${this.#firstBare},${this.serverFirst},${withoutProof}`
    const proofs = scramProofs(key, authMessage, this.#algorithm)
    return proof === proofs.proof ? `v=${proofs.signature}` : undefined
  }

  #salt(password: string, salt: string, iterations: number): Buffer {
    const name = `${this.#algorithm} ${password} ${salt} ${iterations}`
    const known = salted.get(name)
    if (known !== undefined) return known
    const bytes = pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, this.#length, this.#algorithm)
    salted.set(name, bytes)
    return bytes
  }
}

function unescaped(name: string): string {
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
