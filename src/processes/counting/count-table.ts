import { KeyCounts } from '../../lib/limits/key-counts.js'
import { exceeds } from '../../lib/limits/live-counts.js'

export interface Report {
  readonly all: boolean
  readonly counts: readonly (readonly [thing: string, count: number])[]
}

export type Wanted = readonly (readonly [thing: string, limit: number])[]

export class CountTable {
  readonly #told = new Map<string, KeyCounts>()
  readonly #totals = new KeyCounts()

  total(thing: string): number {
    return this.#totals.of(thing)
  }

  get size(): number {
    return this.#totals.size
  }

  get nodes(): Iterable<string> {
    return this.#told.keys()
  }

  set(node: string, thing: string, count: number): void {
    const counts = this.#told.get(node) ?? new KeyCounts()
    this.#told.set(node, counts)
    const growth = count - counts.of(thing)
    counts.add(thing, growth)
    this.#totals.add(thing, growth)
  }

  hear({ all, counts }: Report, node: string): void {
    if (all) this.drop(node)
    for (const [thing, count] of counts) this.set(node, thing, count)
  }

  /** Takes nothing if a thing is at its limit, and returns this thing. */
  take(wanted: Wanted, node: string): string | undefined {
    const full = wanted.find(([thing, limit]) => exceeds(this.total(thing) + 1, limit))?.[0]
    if (full === undefined)
      for (const [thing] of wanted) this.set(node, thing, (this.#told.get(node)?.of(thing) ?? 0) + 1)
    return full
  }

  drop(node: string): void {
    for (const thing of this.#told.get(node)?.keys ?? []) this.set(node, thing, 0)
    this.#told.delete(node)
  }
}
