// Judges what happened to the sessions of a crowd and to their messages. Times are in milliseconds of
// `performance.now()`.

export interface Harm {
  readonly node: string
  /** Numbers of sessions that others had opened and that had moved to the process. */
  readonly lives: ReadonlySet<number>
  /** `died`: the process is gone. `silent`: others do not reach it until its entry in the store has expired. */
  readonly kind: 'died' | 'silent'
  readonly from: number
  readonly to?: number | undefined
}

/** A time in which one process does not reach the others, or no process reaches another. */
export interface Cut {
  readonly from: number
  readonly to: number
}

/**
 * How long a page may take until it has a new session, in milliseconds. Time in which another fault cuts processes off
 * does not count: others then notice a death by silence alone, and a stopped process keeps pages waiting.
 */
const mostWaiting = { died: 5_000, silent: 15_000 }
/** A harm also affects sessions that end up to this time before it or begin up to this time after it. */
const margin = 1_000

interface Life {
  readonly number: number
  readonly node: string
  readonly from: number
  to: number | undefined
  why: string | undefined
  readonly oddities: string[]
}

interface Words {
  said: number
  readonly heard: Set<number>
  last: number
  doubled: number
  disordered: number
}

interface Recovery {
  readonly life: Life
  readonly since: number
  readonly at: number
}

export class Judge {
  readonly #lives: Life[] = []
  readonly #words = new Map<string, Words>()
  readonly #harms: Harm[] = []
  readonly #cuts: Cut[] = []
  readonly #recoveries: Recovery[] = []
  readonly #missed: string[] = []
  /** Stanzas may come twice, in the order in which the server repeats them. */
  mayRepeat = false

  harm(harm: Harm): void {
    this.#harms.push(harm)
  }

  /** Notes an interruption that is too short to be a harm. */
  cut(cut: Cut): void {
    this.#cuts.push(cut)
  }

  /** A session begins. Returns its number. */
  begin(node: string): number {
    const number = this.#lives.length
    this.#lives.push({ number, node, from: performance.now(), to: undefined, why: undefined, oddities: [] })
    return number
  }

  end(life: number, why: string): void {
    Object.assign(this.#lives[life]!, { to: performance.now(), why })
  }

  odd(life: number, what: string): void {
    this.#lives[life]!.oddities.push(what)
  }

  recovered(life: number, since: number): void {
    this.#recoveries.push({ life: this.#lives[life]!, since, at: performance.now() })
  }

  missed(what: string): void {
    this.#missed.push(what)
  }

  /** The number of the next word of one session to another. */
  say(from: number, to: number): number {
    const words = this.#wordsOf(from, to)
    words.said += 1
    return words.said
  }

  hear(from: number, to: number, number: number): void {
    const words = this.#wordsOf(from, to)
    if (words.heard.has(number)) words.doubled += 1
    else if (number < words.last) words.disordered += 1
    words.heard.add(number)
    words.last = Math.max(words.last, number)
  }

  /** Whether all messages between unharmed sessions have arrived. */
  get isQuiet(): boolean {
    return this.#harmless.every(([, { said, heard }]) => heard.size === said)
  }

  faults(): readonly string[] {
    return [...this.#missed, ...this.#wordFaults(), ...this.#lifeFaults(), ...this.#recoveryFaults()]
  }

  *#wordFaults(): Generator<string> {
    for (const [key, { said, heard, doubled, disordered }] of this.#harmless) {
      const lost = Array.from({ length: said }, (_, index) => index + 1).filter(number => !heard.has(number))
      if (lost.length > 0) yield `lost: ${lost.length} of ${said} words of ${this.#about(key)}: ${lost}`
      if (this.mayRepeat) continue
      if (doubled > 0) yield `doubled: ${doubled} of ${said} words of ${this.#about(key)}`
      if (disordered > 0) yield `out of order: ${disordered} of ${said} words of ${this.#about(key)}`
    }
  }

  *#lifeFaults(): Generator<string> {
    for (const life of this.#lives) {
      if (this.#harmsOf(life).length > 0) continue
      if (life.to !== undefined) yield `a session in ${life.node} ended at ${at(life.to)}: ${life.why}`
      for (const oddity of life.oddities) yield `in ${life.node}: ${oddity}`
    }
  }

  *#recoveryFaults(): Generator<string> {
    for (const recovery of this.#recoveries) {
      const waits = this.#waits(recovery)
      if (waits.length === 0 || waits.some(({ kind, milliseconds }) => milliseconds <= mostWaiting[kind])) continue
      const { milliseconds, kind } = waits[0]!
      const { life, since } = recovery
      yield `a page of ${life.node}, ${kind}, had its new session after ${(milliseconds / 1000).toFixed(1)} s, at ${at(recovery.at)}; it asked at ${at(since)}`
    }
  }

  /** How long a page waited for its new session, from its request or from a later harm, without the time of cuts. */
  #waits({ life, since, at: then }: Recovery): { kind: Harm['kind']; milliseconds: number }[] {
    return this.#harmsOf(life)
      .filter(({ from }) => from <= then)
      .map(harm => ({
        kind: harm.kind,
        milliseconds: timeOutside(this.#cutsBeside(harm), Math.max(since, harm.from), then),
      }))
  }

  #cutsBeside(harm: Harm): Cut[] {
    const others = this.#harms.filter(other => other !== harm && other.kind === 'silent')
    return [...this.#cuts, ...others.map(({ from, to = Number.POSITIVE_INFINITY }) => ({ from, to }))]
  }

  get #harmless(): readonly (readonly [key: string, words: Words])[] {
    return [...this.#words].filter(([key]) =>
      livesIn(key).every(life => this.#harmsOf(this.#lives[life]!).length === 0),
    )
  }

  #harmsOf({ number, node, from, to = Number.POSITIVE_INFINITY }: Life): Harm[] {
    return this.#harms.filter(
      harm =>
        (harm.node === node || harm.lives.has(number)) &&
        harm.from - margin <= to &&
        (harm.to ?? Number.POSITIVE_INFINITY) + margin >= from,
    )
  }

  #wordsOf(from: number, to: number): Words {
    const key = `${from} ${to}`
    const words = this.#words.get(key) ?? { said: 0, heard: new Set(), last: 0, doubled: 0, disordered: 0 }
    this.#words.set(key, words)
    return words
  }

  #about(key: string): string {
    const [from, to] = livesIn(key).map(life => this.#lives[life]!)
    return `a session in ${from!.node}, from ${at(from!.from)}, to one in ${to!.node}, from ${at(to!.from)}`
  }
}

/** How much of the time between two moments lies outside of all cuts. */
function timeOutside(cuts: readonly Cut[], from: number, to: number): number {
  let sum = 0
  let at = from
  for (const cut of [...cuts, { from: to, to }].toSorted((one, other) => one.from - other.from)) {
    sum += Math.max(0, Math.min(cut.from, to) - at)
    at = Math.max(at, cut.to)
  }
  return sum
}

const livesIn = (key: string) => key.split(' ').map(Number)

/** Minutes and seconds since this process began. */
export function at(milliseconds: number): string {
  const seconds = milliseconds / 1000
  return `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, '0')}`
}
