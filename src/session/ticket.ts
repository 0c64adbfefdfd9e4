import { createHmac, timingSafeEqual } from 'node:crypto'
import { randomText } from '../lib/text/random-text.js'

/** What both sides of HT-SHA-256-NONE show of a token, without the token itself (draft-schmaus-kitten-sasl-ht §3). */
const proofOf = (token: string, by: 'Initiator' | 'Responder') =>
  createHmac('sha256', token).update(by).digest()

/** What a page shows that has the token. */
export const proofOfPage = (token: string): Buffer => proofOf(token, 'Initiator')

/** How long a proof is, in bytes. */
const proofLength = 32

/** Lets one page take a session over, once, by a token that only its backend has been told. */
export class Ticket {
  /** 256 random bits, behind the process's name where it has one. */
  static fresh(
    seconds: number,
    now: number,
    processName?: string,
  ): { readonly ticket: Ticket; readonly token: string } {
    const secret = randomText(32, 'base64url')
    const token = processName === undefined ? secret : `${processName}-${secret}`
    return { token, ticket: new Ticket(token, now + seconds * 1000) }
  }

  /** What a page shows. */
  readonly #proofOfPage: Buffer
  /** What this side shows to a page that has the token. */
  readonly proof: Buffer
  readonly #until: number

  /** `until` is in milliseconds of the clock. The token is not kept. */
  private constructor(token: string, until: number) {
    this.#proofOfPage = proofOfPage(token)
    this.proof = proofOf(token, 'Responder')
    this.#until = until
  }

  /** What it is found by among others. */
  get key(): string {
    return keyOf(this.#proofOfPage)
  }

  /** Whether this proves that a page has the token, and in time. */
  admits(proof: Buffer, now: number): boolean {
    return proof.length === proofLength && timingSafeEqual(proof, this.#proofOfPage) && now < this.#until
  }
}

const keyOf = (proof: Buffer) => proof.toString('base64')

/**
 * What tickets there are, and what each lets in to: however many they are, one is found at once. The time of a look-up tells
 * nothing of other tickets: a map compares a text only with keys of the same seeded hash.
 */
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

  /** Where the ticket lets in to that this may prove to be there; whether it does, the ticket says. */
  placeFor(proof: Buffer): T | undefined {
    return proof.length === proofLength ? this.#places.get(keyOf(proof)) : undefined
  }
}
