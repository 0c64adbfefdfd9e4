import { isOver } from '../../lib/limits/live-counts.js'

export interface Report {
  readonly all: boolean
  readonly counts: readonly (readonly [thing: string, count: number])[]
}

export type Wanted = readonly (readonly [thing: string, limit: number])[]

export class CountTable {
  readonly #told = new Map<string, Map<string, number>>()
  readonly #totals = new Map<string, number>()

  total(thing: string): number {
    return this.#totals.get(thing) ?? 0
  }

  get size(): number {
    return this.#totals.size
  }

  get nodes(): Iterable<string> {
    return this.#told.keys()
  }

  set(node: string, thing: string, count: number): void {
    let counts = this.#told.get(node)
    if (counts === undefined) {
      counts = new Map()
      this.#told.set(node, counts)
    }
    const total = this.total(thing) - (counts.get(thing) ?? 0) + count
    put(counts, thing, count)
    put(this.#totals, thing, total)
  }

  hear({ all, counts }: Report, node: string): void {
    if (all) this.drop(node)
    for (const [thing, count] of counts) this.set(node, thing, count)
  }

  /** Counts each thing, unless one is at its limit. Returns that thing. */
  take(wanted: Wanted, node: string): string | undefined {
    const full = wanted.find(([thing, limit]) => isOver(this.total(thing) + 1, limit))?.[0]
    if (full === undefined)
      for (const [thing] of wanted) this.set(node, thing, (this.#told.get(node)?.get(thing) ?? 0) + 1)
    return full
  }

  drop(node: string): void {
    for (const thing of this.#told.get(node)?.keys() ?? []) this.set(node, thing, 0)
    this.#told.delete(node)
  }
}

function put(counts: Map<string, number>, thing: string, count: number): void {
  if (count === 0) counts.delete(thing)
  else counts.set(thing, count)
}
