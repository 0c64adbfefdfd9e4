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

  /** Counts the work until it has ended. */
  async during<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.add(key, 1)
    try {
      return await work()
    } finally {
      this.add(key, -1)
    }
  }
}

/** A limit of 0 means no limit. */
export function exceeds(number: number, limit: number): boolean {
  return limit > 0 && number > limit
}
