// What the visitors of an endurance run have done and what became of it.

/** What visitors do, in the order in which it is told. */
export const deeds = [
  'warm',
  'say',
  'hear',
  'resume',
  'reuse',
  'pause',
  'lose the network',
  'terminate',
  'crash',
  'be logged out',
  'never attach',
] as const

export type Deed = (typeof deeds)[number]

export class Ledger {
  readonly done = Object.fromEntries(deeds.map(deed => [deed, 0])) as Record<Deed, number>
  /** Words that were said and never came back. */
  lost = 0
  /** Words that came back more often than they may. */
  doubled = 0
  /** What was not to happen, by what it was. */
  readonly mishaps = new Map<string, number>()

  add(deed: Deed): void {
    this.done[deed] += 1
  }

  mishap(what: string): void {
    this.mishaps.set(what, (this.mishaps.get(what) ?? 0) + 1)
  }

  get mishapCount(): number {
    let count = 0
    for (const each of this.mishaps.values()) count += each
    return count
  }
}
