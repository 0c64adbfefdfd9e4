import { type Element, isStanza } from '../../xmpp/xml/element.js'
import type { LinkCounts } from './link-counts.js'
import type { OwnReplies } from './own-replies.js'

/** State of an `Unrecorded` that is not yet over. */
export interface UnrecordedRecord {
  readonly recorded?: number | undefined
  readonly count: number
  readonly isRepeated: boolean
  readonly end?: number | undefined
}

interface Link {
  readonly counts: LinkCounts
  readonly replies: OwnReplies
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
  /** Undefined until a page comes whose stanzas do not follow. Then, how many unconfirmed stanzas there were before it. */
  #end: number | undefined
  readonly #counts: LinkCounts
  readonly #replies: OwnReplies

  constructor({ counts, replies }: Link, { recorded, count, isRepeated, end }: UnrecordedRecord) {
    this.#counts = counts
    this.#replies = replies
    this.#recorded = recorded
    this.#count = count
    this.#isRepeated = isRepeated
    this.#end = end
  }

  /**
   * Undefined if the server has no stanzas that the record lacks. `isKept`: the process has died. `before`: the state at
   * that process, if it had taken the session up from another one.
   */
  static after(isKept: boolean, link: Link, before: UnrecordedRecord | undefined): Unrecorded | undefined {
    if (!isKept || before?.recorded !== undefined) return before && new Unrecorded(link, before)
    const recorded = link.counts.unconfirmed.stanzas.length
    return new Unrecorded(link, { recorded, count: before?.count ?? 0, isRepeated: false })
  }

  /** Undefined if no stanza of the page can be one of these. */
  get record(): UnrecordedRecord | undefined {
    if (this.#recorded === undefined && this.#count === 0) return undefined
    return { recorded: this.#recorded, count: this.#count, isRepeated: this.#isRepeated, end: this.#end }
  }

  /** The server's answer to the resumption. Returns false if its count is impossible. */
  resumed(text: string | undefined): boolean {
    const counts = this.#counts
    if (this.#recorded === undefined) return counts.confirm(text)
    // What the page has sent meanwhile follows the recorded stanzas.
    const following = (this.#end ?? counts.unconfirmed.stanzas.length) - this.#recorded
    const unknown = counts.confirmRecorded(text, this.#recorded)
    if (unknown === undefined) return false
    const count = this.#replies.resumed(unknown)
    this.#recorded = undefined
    const repeated = this.#isRepeated ? Math.min(count, following) : 0
    counts.forget(repeated)
    if (this.#end === undefined) this.#count += count - repeated
    return true
  }

  /**
   * `isRepeated`: the next stanzas of the page follow those of the record. Otherwise, it is another page, or some may be
   * missing between.
   */
  pageComes(isRepeated: boolean): void {
    if (!isRepeated) {
      this.#end ??= this.#counts.unconfirmed.stanzas.length
      this.#count = 0
    } else if (this.#end === undefined) this.#isRepeated = true
  }

  without(elements: readonly Element[]): readonly Element[] {
    if (this.#count === 0 || !this.#isRepeated) return elements
    return elements.filter(element => {
      if (this.#count === 0 || !isStanza(element) || element.isOurs === true) return true
      this.#count -= 1
      return false
    })
  }
}

/** The count in `<resumed/>` or in the `<failed/>` that answers `<resume/>`. Returns false if it is impossible. */
export function confirmResumed(counts: LinkCounts, text: string | undefined, unrecorded?: Unrecorded): boolean {
  return unrecorded?.resumed(text) ?? counts.confirm(text)
}
