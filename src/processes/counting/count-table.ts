import { isOver } from '../../lib/limits/live-counts.js'

/** How many a process has of some things; with `all`, of everything that the process counts which is told. */
export interface Report {
  readonly all: boolean
  readonly counts: readonly (readonly [thing: string, count: number])[]
}

/** Things of which one more is wanted, and how many there may be of each. */
export type Wanted = readonly (readonly [thing: string, limit: number])[]

/** How many of each thing processes have, as they have told, and how many that are together. */
export class CountTable {
  readonly #told = new Map<string, Map<string, number>>()
  readonly #totals = new Map<string, number>()

  /** How many of a thing there are. */
  total(thing: string): number {
    return this.#totals.get(thing) ?? 0
  }

  /** How many things it knows of. */
  get size(): number {
    return this.#totals.size
  }

  /** The processes that have told something. */
  get nodes(): Iterable<string> {
    return this.#told.keys()
  }

  /** A process has so many of a thing from now on. */
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

  /** Takes up what a process tells. */
  hear({ all, counts }: Report, node: string): void {
    if (all) this.drop(node)
    for (const [thing, count] of counts) this.set(node, thing, count)
  }

  /** Counts one more of each for a process unless there are as many of one as may be, which is the answer. */
  take(wanted: Wanted, node: string): string | undefined {
    const full = wanted.find(([thing, limit]) => isOver(this.total(thing) + 1, limit))?.[0]
    if (full === undefined)
      for (const [thing] of wanted) this.set(node, thing, (this.#told.get(node)?.get(thing) ?? 0) + 1)
    return full
  }

  /** Forgets all that a process has told. */
  drop(node: string): void {
    for (const thing of this.#told.get(node)?.keys() ?? []) this.set(node, thing, 0)
    this.#told.delete(node)
  }
}

/** What is zero takes no room. */
function put(counts: Map<string, number>, thing: string, count: number): void {
  if (count === 0) counts.delete(thing)
  else counts.set(thing, count)
}
