import { type Element, isStanza } from '../../xmpp/xml/element.js'
import type { LinkCounts } from './link-counts.js'

/** State of an `Unrecorded` that is not yet over. */
export interface UnrecordedRecord {
  readonly recorded?: number | undefined
  readonly count: number
  readonly isRepeated: boolean
  readonly isOver: boolean
}

/**
 * Stanzas of the page that the server has, although the record from which the session was taken up lacks them: its
 * process died after it had sent them. A page that repeats them must not send them twice.
 */
export class Unrecorded {
  /** Unconfirmed stanzas of the record. Undefined after the resumption. */
  #recorded: number | undefined
  #count: number
  /** The page has come, and its stanzas follow those of the record. */
  #isRepeated: boolean
  /** A page has come whose stanzas do not follow those of the record. */
  #isOver: boolean

  constructor({ recorded, count, isRepeated, isOver }: UnrecordedRecord) {
    this.#recorded = recorded
    this.#count = count
    this.#isRepeated = isRepeated
    this.#isOver = isOver
  }

  /**
   * Undefined if the server has no stanzas that the record lacks. `isKept`: the process has died. `before`: the state at
   * that process, if it had taken the session up from another one.
   */
  static after(isKept: boolean, recorded: number, before: UnrecordedRecord | undefined): Unrecorded | undefined {
    if (!isKept || before?.recorded !== undefined) return before && new Unrecorded(before)
    return new Unrecorded({ recorded, count: before?.count ?? 0, isRepeated: false, isOver: false })
  }

  /** Undefined if no stanza of the page can be one of these. */
  get record(): UnrecordedRecord | undefined {
    if (this.#recorded === undefined && this.#count === 0) return undefined
    return { recorded: this.#recorded, count: this.#count, isRepeated: this.#isRepeated, isOver: this.#isOver }
  }

  /** The server's answer to the resumption. Returns false if its count is impossible. */
  resumed(counts: LinkCounts, text: string | undefined): boolean {
    if (this.#recorded === undefined) return counts.confirm(text)
    const count = counts.confirmRecorded(text, this.#recorded)
    if (count === undefined) return false
    this.#recorded = undefined
    // What the page has sent meanwhile follows the recorded stanzas.
    const repeated = this.#isRepeated ? Math.min(count, counts.unconfirmed.stanzas.length) : 0
    counts.forget(repeated)
    if (!this.#isOver) this.#count += count - repeated
    return true
  }

  /** `isRepeated`: the next stanzas of the page follow those of the record. Otherwise, some may be missing between. */
  pageComes(isRepeated: boolean): void {
    if (!isRepeated) {
      this.#isOver = true
      this.#count = 0
    } else if (!this.#isOver) this.#isRepeated = true
  }

  without(elements: readonly Element[]): readonly Element[] {
    if (this.#count === 0 || !this.#isRepeated) return elements
    return elements.filter(element => {
      if (this.#count === 0 || !isStanza(element)) return true
      this.#count -= 1
      return false
    })
  }
}

/** The count in `<resumed/>` or in the `<failed/>` that answers `<resume/>`. Returns false if it is impossible. */
export function confirmResumed(counts: LinkCounts, text: string | undefined, unrecorded?: Unrecorded): boolean {
  return unrecorded?.resumed(counts, text) ?? counts.confirm(text)
}
