/** In order. `setting-down` stores sessions for the next process, and is skipped if they cannot be stored. */
const phases = ['starting', 'serving', 'draining', 'stopping', 'setting-down', 'ending', 'leaving'] as const

type PhaseName = (typeof phases)[number]

export class Phase {
  #now: PhaseName = 'starting'
  /** True from `setting-down` on, unless this phase is skipped. */
  movesSessions = false

  /** Does nothing if this phase is over. */
  begin(name: PhaseName): void {
    if (this.has(name)) return
    this.#now = name
    this.movesSessions ||= name === 'setting-down'
  }

  /** True if this phase or a later one has begun. */
  has(name: PhaseName): boolean {
    return phases.indexOf(this.#now) >= phases.indexOf(name)
  }

  get isServing(): boolean {
    return this.#now === 'serving'
  }
}
