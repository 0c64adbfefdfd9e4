export class KeyCounts {
  readonly #counts = new Map<string, number>()

  of(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  add(key: string, count: number): void {
    const sum = this.of(key) + count
    if (sum === 0) this.#counts.delete(key)
    else this.#counts.set(key, sum)
  }
}

/** A limit of 0 means no limit. */
export function exceeds(number: number, limit: number): boolean {
  return limit > 0 && number > limit
}
