import { KeyCounts } from './key-counts.js'

/** Counts what there is at the moment, by kind and key, and says where it is as much as may be. */
export interface LiveCounts<Kind extends string> {
  /**
   * Counts one more of each of these kinds; where there are as many of one as may be, none is counted, and that kind is the
   * answer. It comes at once unless another process has to be asked.
   */
  take<Some extends Kind>(key: string, kinds: readonly Some[]): Some | undefined | Promise<Some | undefined>
  /** Counts one more, whatever the limit. */
  add(kind: Kind, key: string): void
  /** There is one less of those that were counted. */
  giveBack(kind: Kind, key: string): void
}

/** How many there may be of each kind; 0 is any number. */
export type Limits<Kind extends string> = Readonly<Record<Kind, number>>

/** Counts in this process alone. */
export class OwnCounts<Kind extends string> implements LiveCounts<Kind> {
  readonly #limits: Limits<Kind>
  readonly #counts = new Map<Kind, KeyCounts>()

  constructor(limits: Limits<Kind>) {
    this.#limits = limits
  }

  take<Some extends Kind>(key: string, kinds: readonly Some[]): Some | undefined {
    const full = kinds.find(kind => isOver(this.#of(kind).of(key) + 1, this.#limits[kind]))
    if (full === undefined) for (const kind of kinds) this.add(kind, key)
    return full
  }

  add(kind: Kind, key: string): void {
    this.#of(kind).add(key, 1)
  }

  giveBack(kind: Kind, key: string): void {
    this.#of(kind).add(key, -1)
  }

  #of(kind: Kind): KeyCounts {
    let counts = this.#counts.get(kind)
    if (counts === undefined) {
      counts = new KeyCounts()
      this.#counts.set(kind, counts)
    }
    return counts
  }
}

/** Whether a number is over its limit, of which 0 is none. */
export function isOver(number: number, limit: number): boolean {
  return limit > 0 && number > limit
}
