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

  /** A process has one more of a thing. */
  add(node: string, thing: string): void {
    this.set(node, thing, (this.#told.get(node)?.get(thing) ?? 0) + 1)
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
