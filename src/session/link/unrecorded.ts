import { type Element, isStanza } from '../../xmpp/xml/element.js'
import type { LinkCounts } from './link-counts.js'
import type { ManagedLink } from './managed-link.js'

/** A page cannot have sent more since its record was stored. */
const mostUnrecorded = 5_000

export interface UnrecordedState {
  /** Unconfirmed stanzas of the record. Undefined after the resumption. */
  recorded?: number | undefined
  /** Stanzas that the server has and the record lacks, and that the page has not repeated. */
  count: number
  /** Undefined until `repeatsNoMore`. Then, how many unconfirmed stanzas there were before it. */
  end?: number | undefined
}

type Link = Pick<ManagedLink, 'counts' | 'replies'>

/**
 * Stanzas of the page that the server has, although the record from which the session was taken up lacks them: its
 * process died after it had sent them. A page that repeats them must not send them twice.
 */
export class Unrecorded {
  readonly #link: Link
  readonly #state: UnrecordedState

  constructor(link: Link, state: UnrecordedState) {
    this.#link = link
    this.#state = { ...state }
  }

  /**
   * Undefined if the server has no stanzas that the record lacks. `isKept`: the process has died. `before`: the state at
   * that process, if it had taken the session up from another one.
   */
  static after(isKept: boolean, link: Link, before: UnrecordedState | undefined): Unrecorded | undefined {
    if (!isKept || before?.recorded !== undefined) return before && new Unrecorded(link, before)
    const recorded = link.counts.unconfirmed.stanzas.length
    return new Unrecorded(link, { recorded, count: before?.count ?? 0 })
  }

  /** Undefined if no stanza of the page can be one of these. */
  get record(): UnrecordedState | undefined {
    const { recorded, count } = this.#state
    return recorded === undefined && count === 0 ? undefined : { ...this.#state }
  }

  /** The server's answer to the resumption. Returns false if its count is impossible. */
  resumed(text: string | undefined): boolean {
    const { counts, replies } = this.#link
    const { recorded, end } = this.#state
    if (recorded === undefined) return counts.confirm(text) !== undefined
    // What the page has sent meanwhile follows the recorded stanzas.
    const following = (end ?? counts.unconfirmed.stanzas.length) - recorded
    const unknown = counts.confirm(text, recorded, mostUnrecorded)
    if (unknown === undefined) return false
    const count = replies.resumed(unknown)
    this.#state.recorded = undefined
    const repeated = Math.min(count, following)
    counts.forget(repeated)
    if (end === undefined) this.#state.count += count - repeated
    return true
  }

  /** The next stanzas do not follow those of the record: they are of another page, or some may be missing between. */
  repeatsNoMore(): void {
    this.#state.end ??= this.#link.counts.unconfirmed.stanzas.length
    this.#state.count = 0
  }

  without(elements: readonly Element[]): readonly Element[] {
    const state = this.#state
    if (state.count === 0) return elements
    return elements.filter(element => {
      if (state.count === 0 || !isStanza(element) || element.isOurs === true) return true
      state.count -= 1
      return false
    })
  }
}

/** The count in `<resumed/>` or in the `<failed/>` that answers `<resume/>`. Returns false if it is impossible. */
export function confirmResumed(counts: LinkCounts, text: string | undefined, unrecorded?: Unrecorded): boolean {
  return unrecorded?.resumed(text) ?? counts.confirm(text) !== undefined
}
