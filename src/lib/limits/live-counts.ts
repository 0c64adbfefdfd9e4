import { KeyCounts } from './key-counts.js'

export interface LiveCounts<Kind extends string> {
  /**
   * If a kind is at its limit, counts nothing and returns this kind. Returns a promise only if another process counts.
   */
  take<Some extends Kind>(key: string, kinds: readonly Some[]): Some | undefined | Promise<Some | undefined>
  add(kind: Kind, key: string): void
  giveBack(kind: Kind, key: string): void
}

/** 0 means no limit. */
export type Limits<Kind extends string> = Readonly<Record<Kind, number>>

export class OwnCounts<Kind extends string> implements LiveCounts<Kind> {
  readonly #limits: Limits<Kind>
  readonly #counts = new KeyCounts()

  constructor(limits: Limits<Kind>) {
    this.#limits = limits
  }

  take<Some extends Kind>(key: string, kinds: readonly Some[]): Some | undefined {
    const full = kinds.find(kind => exceeds(this.#counts.of(thingOf(kind, key)) + 1, this.#limits[kind]))
    if (full === undefined) for (const kind of kinds) this.add(kind, key)
    return full
  }

  add(kind: Kind, key: string): void {
    this.#counts.add(thingOf(kind, key), 1)
  }

  giveBack(kind: Kind, key: string): void {
    this.#counts.add(thingOf(kind, key), -1)
  }
}

const thingOf = (kind: string, key: string) => `${kind} ${key}`

export function exceeds(number: number, limit: number): boolean {
  return limit > 0 && number > limit
}
