import { createHmac, timingSafeEqual } from 'node:crypto'
import { randomText } from '../lib/text/random-text.js'

/** HT-SHA-256-NONE (draft-schmaus-kitten-sasl-ht §3). */
const proofOf = (token: string, by: 'Initiator' | 'Responder') => createHmac('sha256', token).update(by).digest()

export const proofOfPage = (token: string): Buffer => proofOf(token, 'Initiator')

/** In bytes. */
const proofLength = 32

/** Secret. Times as in `SessionRecord`. */
export interface TicketRecord {
  readonly proofOfPage: string
  readonly proof: string
  readonly until: number
}

/** Lets one page log in, once. Only the portal's backend gets the token. */
export class Ticket {
  /** The token is the process's name and 256 random bits. */
  static fresh(
    seconds: number,
    now: number,
    processName?: string,
  ): { readonly ticket: Ticket; readonly token: string } {
    const secret = randomText(32, 'base64url')
    const token = processName === undefined ? secret : `${processName}-${secret}`
    return { token, ticket: new Ticket(proofOfPage(token), proofOf(token, 'Responder'), now + seconds * 1000) }
  }

  static of({ proofOfPage, proof, until }: TicketRecord, now: number): Ticket {
    return new Ticket(Buffer.from(proofOfPage, 'base64'), Buffer.from(proof, 'base64'), now + until)
  }

  readonly #proofOfPage: Buffer
  /** The server's. The page checks it. */
  readonly proof: Buffer
  readonly #until: number

  /** Only proofs are kept, not the token. */
  private constructor(proofOfPage: Buffer, proof: Buffer, until: number) {
    this.#proofOfPage = proofOfPage
    this.proof = proof
    this.#until = until
  }

  record(now: number): TicketRecord {
    return { proofOfPage: this.key, proof: this.proof.toString('base64'), until: this.#until - now }
  }

  get key(): string {
    return keyOf(this.#proofOfPage)
  }

  admits(proof: Buffer, now: number): boolean {
    return proof.length === proofLength && timingSafeEqual(proof, this.#proofOfPage) && now < this.#until
  }
}

const keyOf = (proof: Buffer) => proof.toString('base64')

/** A look-up's time reveals no other ticket: a map compares only keys with the same seeded hash. */
export class Tickets<T> {
  readonly #places = new Map<string, T>()

  get size(): number {
    return this.#places.size
  }

  add(ticket: Ticket, place: T): void {
    this.#places.set(ticket.key, place)
  }

  remove(ticket: Ticket): void {
    this.#places.delete(ticket.key)
  }

  /** Check the result with `Ticket.admits`. */
  placeFor(proof: Buffer): T | undefined {
    return proof.length === proofLength ? this.#places.get(keyOf(proof)) : undefined
  }
}
