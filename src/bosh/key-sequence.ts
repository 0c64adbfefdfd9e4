import { hash } from 'node:crypto'

/**
 * Proof that a request comes from the client that created the session: each key is the SHA-1 of the next one to be shown
 * (XEP-0124 §15).
 */
export class KeySequence {
  #expected: string

  /** `newkey` is the attribute of the creation request. */
  constructor(newkey: string) {
    this.#expected = newkey.toLowerCase()
  }

  /** Takes a request's `key`, and its `newkey` where it goes on with another sequence. False if the key is wrong. */
  accept(key: string | undefined, newkey: string | undefined): boolean {
    if (key === undefined || hash('sha1', key) !== this.#expected) return false
    this.#expected = (newkey ?? key).toLowerCase()
    return true
  }
}
