import type { Foreseen } from '../exchange.js'
import { copyOf } from '../xml/copy-of.js'
import type { Element } from '../xml/element.js'

/** How many streams a login opens: one to log in on, one to bind a resource on. */
const streams = 2

/** What one login expects its server to offer, and what that really offers (XEP-0305 §3). */
export class Foresight implements Foreseen {
  readonly isProven: boolean
  /** Whether the server has offered anything else than was expected, or a login cannot go by that. */
  isMistaken = false
  readonly #expected: readonly Element[]
  readonly #seen: Element[] = []
  #awaited: Element | undefined
  #isAhead = false

  /** `expected` are the features of the streams in their order, none where nothing is known. */
  constructor(expected: readonly Element[] = [], isProven = false) {
    this.#expected = expected
    this.isProven = isProven
  }

  /** The features of the streams that have been opened. */
  get seen(): readonly Element[] {
    return this.#seen
  }

  get isComplete(): boolean {
    return this.#seen.length >= streams
  }

  /** Whether anything was expected. */
  get wasAhead(): boolean {
    return this.#expected.length > 0
  }

  /** Whether the server was told something before it offered that, and has not answered it yet. */
  get isAhead(): boolean {
    return this.#isAhead
  }

  /** Whether a login that fails now may have failed for what was expected. */
  get isToBlame(): boolean {
    return this.#isAhead && (this.isMistaken || !this.isProven)
  }

  expected(): Element | undefined {
    this.#awaited = this.#expected[this.#seen.length]
    this.#isAhead = this.#awaited !== undefined
    return this.#awaited
  }

  came(features: Element): boolean {
    const awaited = this.#awaited
    this.#awaited = undefined
    const isExpected = awaited?.text === features.text
    if (awaited !== undefined && !isExpected) this.isMistaken = true
    // What is kept for later must not keep all that came with it.
    this.#seen.push(isExpected ? awaited! : { ...features, text: copyOf(features.text) })
    return isExpected
  }

  /** The server has reacted to what it was told. */
  answered(): void {
    this.#isAhead = false
  }
}
