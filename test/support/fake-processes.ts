// Processes of one service that ask each other without a link.
import { NoAnswer, type OtherProcesses } from '../../src/store/other-processes.js'
import type { ProcessEntry } from '../../src/store/store.js'
import { processOf } from '../store/entries.js'

interface Asked {
  readonly by: string
  readonly name: string
  readonly kind: string
  readonly question: unknown
}

export class FakeProcesses {
  readonly #all = new Map<string, FakeProcess>()
  /** Questions in their order. */
  readonly asked: Asked[] = []

  /** Such as `pppp0007`, unless it has a name. */
  start(name = `pppp${String(this.#all.size).padStart(4, '0')}`): FakeProcess {
    const started = new FakeProcess(name, this)
    this.#all.set(name, started)
    return started
  }

  get all(): readonly FakeProcess[] {
    return [...this.#all.values()]
  }

  named(name: string): FakeProcess | undefined {
    return this.#all.get(name)
  }
}

export class FakeProcess implements OtherProcesses {
  readonly #answers = new Map<string, (question: never) => unknown>()
  readonly #processes: FakeProcesses
  isDraining = false
  /** Its entry is there, but it does not answer. */
  isSilent = false
  /** Its entry has expired. */
  isLost = false
  /** Nothing listens at its address, and its entry is still there. */
  isDead = false

  constructor(
    readonly self: string,
    processes: FakeProcesses,
  ) {
    this.#processes = processes
  }

  get others(): readonly ProcessEntry[] {
    return this.#others(false).map(({ self, isDraining }) => processOf(self, { isDraining }))
  }

  get lost(): readonly string[] {
    return this.#others(true).map(({ self }) => self)
  }

  isGone(name: string): boolean {
    return this.#processes.named(name)?.isDead === true
  }

  async ask(name: string, kind: string, question: unknown): Promise<unknown> {
    this.#processes.asked.push({ by: this.self, name, kind, question })
    const other = this.#processes.named(name)
    if (other === undefined || other.isLost || other.isDead) throw new NoAnswer(name, 'gone')
    if (other.isSilent) throw new NoAnswer(name, 'late')
    const answer = other.#answers.get(kind)
    if (answer === undefined) throw new NoAnswer(name, 'broken')
    return asJson(await answer(asJson(question) as never))
  }

  answer(kind: string, answer: (question: never) => unknown): void {
    this.#answers.set(kind, answer)
  }

  #others(areLost: boolean): readonly FakeProcess[] {
    return this.#processes.all.filter(each => each !== this && each.isLost === areLost)
  }
}

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))
