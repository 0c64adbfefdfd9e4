import { type Element, isStanza } from '../../xmpp/xml/element.js'
import type { LinkCounts } from './link-counts.js'

/**
 * Stanzas of the page that the server has, although the record from which the session was taken up lacks them: its
 * process died after it had sent them. A page that repeats them must not send them twice.
 */
export class Unrecorded {
  /** Unconfirmed stanzas of the record. Undefined after the resumption. */
  #recorded: number | undefined
  #count = 0
  /** Undefined until the page has come. */
  #isRepeated: boolean | undefined

  constructor(recorded: number) {
    this.#recorded = recorded
  }

  /** The server's answer to the resumption. Returns false if its count is impossible. */
  resumed(counts: LinkCounts, text: string | undefined): boolean {
    if (this.#recorded === undefined) return counts.confirm(text)
    const count = counts.confirmRecorded(text, this.#recorded)
    if (count === undefined) return false
    this.#recorded = undefined
    // What the page has sent meanwhile follows the recorded stanzas.
    const repeated = this.#isRepeated === true ? Math.min(count, counts.unconfirmed.stanzas.length) : 0
    counts.forget(repeated)
    this.#count = this.#isRepeated === false ? 0 : count - repeated
    return true
  }

  /** `isRepeated`: the next stanzas of the page follow those of the record. Otherwise, some may be missing between. */
  pageComes(isRepeated: boolean): void {
    this.#isRepeated ??= isRepeated
    if (!this.#isRepeated) this.#count = 0
  }

  without(elements: readonly Element[]): readonly Element[] {
    if (this.#count === 0 || this.#isRepeated !== true) return elements
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
