import type { Clock } from '../../lib/clock.js'
import { exceeds, type Limits, type LiveCounts, thingOf } from '../../lib/limits/live-counts.js'
import { NoAnswer, type Nodes } from '../nodes.js'
import { CountTable, type Report, type Wanted } from './count-table.js'
import { firstFor } from './rendezvous.js'

const reportMilliseconds = 10_000
const pauseMilliseconds = 1_000

interface Own {
  readonly key: string
  /** Includes a `take` that the owner has not answered yet. */
  count: number
  owner: string
  /** The count that the owner knows. Undefined if uncertain. */
  told: number | undefined
  version: number
}

interface SharedCountsParts<Kind extends string> {
  readonly nodes: Nodes
  readonly clock: Clock
  readonly limits: Limits<Kind>
  readonly onAlone: () => void
}

/**
 * Each key has an owner (rendezvous hashing), to which other processes report absolute numbers, so a report can be
 * repeated. While owners change, a limit may be exceeded.
 */
export class SharedCounts<Kind extends string> implements LiveCounts<Kind> {
  readonly #parts: SharedCountsParts<Kind>
  readonly #own = new Map<string, Own>()
  readonly #table = new CountTable()
  readonly #due = new Map<string, Set<string>>()
  readonly #unsure = new Set<string>()
  readonly #silent = new Set<string>()
  #names: readonly string[]
  #isFlushDue = false

  constructor(parts: SharedCountsParts<Kind>) {
    const { nodes } = parts
    this.#parts = parts
    this.#names = [nodes.self]
    nodes.answer('counts', (report: Report, from) => this.#table.hear(report, from))
    nodes.answer('counts-again', (_question: unknown, from) => {
      this.#unsure.add(from)
      this.#flush(from)
    })
    nodes.answer('take', (wanted: Wanted, from) => this.#table.take(wanted, from) ?? null)
    nodes.onChange(() => this.#move())
    this.#move()
  }

  take<Some extends Kind>(key: string, kinds: readonly Some[]): Some | undefined | Promise<Some | undefined> {
    const counted = kinds.filter(kind => this.#parts.limits[kind] > 0)
    if (counted.length === 0) return undefined
    const owns = counted.map(kind => this.#ownOf(kind, key))
    const { owner } = owns[0]!
    const wanted = counted.map(kind => [thingOf(kind, key), this.#parts.limits[kind]] as const)
    const kindOf = (thing: string | null | undefined) => counted.find(kind => thingOf(kind, key) === thing)
    if (owner !== this.#parts.nodes.self) return this.#ask(owner, wanted, owns).then(kindOf)
    const full = this.#table.take(wanted, owner)
    if (full === undefined) for (const own of owns) own.count += 1
    else for (const [thing] of wanted) if (this.#own.get(thing)?.count === 0) this.#own.delete(thing)
    return kindOf(full)
  }

  add(kind: Kind, key: string): void {
    if (this.#parts.limits[kind] === 0) return
    const own = this.#ownOf(kind, key)
    own.count += 1
    this.#tell(own.owner, thingOf(kind, key))
  }

  giveBack(kind: Kind, key: string): void {
    const thing = thingOf(kind, key)
    const own = this.#own.get(thing)
    if (own === undefined) return
    own.count -= 1
    this.#tell(own.owner, thing)
  }

  /** Resolves when the owner of the key has the current counts, or does not answer. */
  async report(key: string): Promise<void> {
    await this.#flush(firstFor(key, this.#names))
  }

  known(kind: Kind, key: string): number {
    return this.#table.total(thingOf(kind, key))
  }

  get size(): number {
    return this.#table.size
  }

  #ownOf(kind: Kind, key: string): Own {
    const thing = thingOf(kind, key)
    let own = this.#own.get(thing)
    if (own === undefined) {
      const owner = firstFor(key, this.#names)
      const told = this.#due.get(owner)?.has(thing) === true ? undefined : 0
      own = { key, count: 0, owner, told, version: 0 }
      this.#own.set(thing, own)
    }
    return own
  }

  async #ask(owner: string, wanted: Wanted, owns: readonly Own[]): Promise<string | undefined> {
    const { nodes, onAlone } = this.#parts
    // The owner must know the latest `giveBack` before the question.
    if (!this.#silent.has(owner)) this.#flush(owner)
    const versions = owns.map(own => {
      own.count += 1
      if (own.told !== undefined) own.told += 1
      return own.version
    })
    const giveUp = (isCounted: boolean) => {
      for (const [index, own] of owns.entries()) {
        own.count -= 1
        if (!isCounted && own.version === versions[index] && own.told !== undefined) own.told -= 1
        const thing = wanted[index]![0]
        if (own.told !== own.count) this.#tell(own.owner, thing)
        else if (own.count === 0) this.#own.delete(thing)
      }
    }
    try {
      if (this.#isSilent(owner)) throw new NoAnswer(owner, 'late')
      const full = ((await nodes.ask(owner, 'take', wanted)) as string | null) ?? undefined
      if (full !== undefined) giveUp(false)
      return full
    } catch {
      onAlone()
      this.#tellAllLater(owner)
      const full = wanted.find(([, limit], index) => exceeds(owns[index]!.count, limit))?.[0]
      if (full !== undefined) giveUp(true)
      return full
    }
  }

  #tell(owner: string, thing: string): void {
    const own = this.#own.get(thing)
    if (own?.count === 0) this.#own.delete(thing)
    if (owner === this.#parts.nodes.self) {
      this.#table.set(owner, thing, this.#countFor(owner, thing))
      return
    }
    const due = this.#due.get(owner)
    if (due === undefined) this.#due.set(owner, new Set([thing]))
    else due.add(thing)
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    this.#parts.clock.after(0, () => {
      this.#isFlushDue = false
      for (const name of this.#due.keys()) if (!this.#silent.has(name)) this.#flush(name)
    })
  }

  #countFor(owner: string, thing: string): number {
    const own = this.#own.get(thing)
    return own?.owner === owner ? own.count : 0
  }

  #flush(owner: string): Promise<unknown> | undefined {
    const { nodes } = this.#parts
    const all = this.#unsure.delete(owner)
    const due = this.#due.get(owner)
    this.#due.delete(owner)
    if (!nodes.has(owner) || (due === undefined && !all)) return undefined
    const things = all ? [...this.#own].filter(([, own]) => own.owner === owner).map(([thing]) => thing) : due!
    const counts: (readonly [string, number])[] = []
    for (const thing of things) {
      const own = this.#own.get(thing)
      const count = this.#countFor(owner, thing)
      if (own?.owner === owner) {
        if (!all && own.told === count) continue
        own.told = count
        own.version += 1
      }
      counts.push([thing, count])
    }
    if (counts.length === 0 && !all) return undefined
    const report: Report = { all, counts }
    return nodes.ask(owner, 'counts', report, reportMilliseconds).catch(() => this.#tellAllLater(owner))
  }

  #tellAllLater(owner: string): void {
    if (!this.#parts.nodes.has(owner)) return
    this.#unsure.add(owner)
    if (this.#silent.has(owner)) return
    this.#silent.add(owner)
    this.#parts.clock.after(pauseMilliseconds, () => {
      this.#silent.delete(owner)
      if (this.#isSilent(owner)) this.#tellAllLater(owner)
      else this.#flush(owner)
    })
  }

  #isSilent(owner: string): boolean {
    return this.#parts.nodes.others.find(({ name }) => name === owner)?.isSilent !== false
  }

  #move(): void {
    const { nodes } = this.#parts
    const before = new Set(this.#names)
    this.#names = [nodes.self, ...nodes.others.map(({ name }) => name)]
    const present = new Set(this.#names)
    for (const name of [...this.#table.nodes]) if (!present.has(name)) this.#table.drop(name)
    const come = this.#names.filter(name => !before.has(name))
    if (come.length === 0 && before.size === present.size) return
    for (const [thing, own] of this.#own) {
      const owner = firstFor(own.key, this.#names)
      if (owner === own.owner) continue
      const old = own.owner
      own.owner = owner
      own.told = undefined
      own.version += 1
      this.#tell(old, thing)
      this.#tell(owner, thing)
    }
    for (const name of come) {
      // This process and the new process report all counts again, because each may have forgotten the other's reports.
      this.#unsure.add(name)
      this.#flush(name)
      nodes.ask(name, 'counts-again', null).catch(() => {})
    }
  }
}
