import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** HT-SHA-256-NONE (draft-schmaus-kitten-sasl-ht §3). */
const proofOf = (token: string, by: 'Initiator' | 'Responder') => createHmac('sha256', token).update(by).digest()

export const proofOfPage = (token: string): Buffer => proofOf(token, 'Initiator')

const proofBytes = 32

/** Lets one page log in once. Does not keep the token. */
export class Ticket {
  static fresh(seconds: number, now: number, processName?: string) {
    const secret = randomBytes(32).toString('base64url')
    const token = processName === undefined ? secret : `${processName}-${secret}`
    return { token, ticket: new Ticket(proofOfPage(token), proofOf(token, 'Responder'), now + seconds * 1000) }
  }

  static of({ proofOfPage, proof, until }: ReturnType<Ticket['record']>, now: number): Ticket {
    return new Ticket(Buffer.from(proofOfPage, 'base64'), Buffer.from(proof, 'base64'), now + until)
  }

  readonly #proofOfPage: Buffer
  /** The service's proof, which the page checks. */
  readonly proof: Buffer
  readonly #until: number

  private constructor(proofOfPage: Buffer, proof: Buffer, until: number) {
    this.#proofOfPage = proofOfPage
    this.proof = proof
    this.#until = until
  }

  /** Contains secrets. `until` is relative, as in `SessionRecord`. */
  record(now: number) {
    return { proofOfPage: this.key, proof: this.proof.toString('base64'), until: this.#until - now }
  }

  get key(): string {
    return this.#proofOfPage.toString('base64')
  }

  admits(proof: Buffer, now: number): boolean {
    return proof.length === proofBytes && timingSafeEqual(proof, this.#proofOfPage) && now < this.#until
  }
}
