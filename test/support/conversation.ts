// Two users who talk to each other over the service, word for word, while something else befalls it.
import { setTimeout as pause } from 'node:timers/promises'
import { User } from '../peers/user.js'
import { eventually } from './eventually.js'
import type { TestService } from './start-service.js'

/** Time between an answer and the next word, in milliseconds: they are not there to keep the machine busy. */
const pauseMilliseconds = 20
/** Longest time that a word or its answer may take while others are in trouble, in milliseconds. */
const longest = 10_000

export const talkers = { romeo: 'verona', juliet: 'balcony' }

export class Conversation {
  readonly #romeo: User
  readonly #juliet: User
  readonly #talking: Promise<void>
  #answered = 0
  #isOver = false
  #failure: unknown

  private constructor(romeo: User, juliet: User) {
    this.#romeo = romeo
    this.#juliet = juliet
    this.#talking = this.#talk().catch(error => {
      this.#failure = error
    })
  }

  /** Warms the two, at the server that knows `talkers`, and has them begin. */
  static async begin(service: TestService): Promise<Conversation> {
    const bind = async (name: keyof typeof talkers) =>
      User.warm(service, { jid: `${name}@localhost`, password: talkers[name] })
    const conversation = new Conversation(await bind('romeo'), await bind('juliet'))
    await conversation.goesOn()
    return conversation
  }

  /** Resolves when so many more words have been answered. Rejects if one was lost, came twice or took too long. */
  async goesOn(words = 5): Promise<void> {
    const wanted = this.#answered + words
    const isSettled = () => this.#failure !== undefined || this.#answered >= wanted
    await eventually(`word ${wanted} is answered`, isSettled, { seconds: 30 })
    const said = Array.from({ length: this.#answered }, (_, index) => `word ${index + 1}`)
    for (const { texts } of [this.#romeo, this.#juliet])
      if (texts.slice(0, said.length).join() !== said.join()) this.#failure ??= new Error(texts.join())
    if (this.#failure !== undefined) throw this.#failure
  }

  async end(): Promise<void> {
    this.#isOver = true
    await this.#talking
    await this.goesOn(0)
    for (const user of [this.#romeo, this.#juliet]) await user.leave()
  }

  async #talk(): Promise<void> {
    for (let word = 1; !this.#isOver; word++) {
      this.#romeo.say(this.#juliet.jid, `word ${word}`)
      await this.#juliet.receives(`>word ${word}<`, longest)
      this.#juliet.say(this.#romeo.jid, `word ${word}`)
      await this.#romeo.receives(`>word ${word}<`, longest)
      this.#answered = word
      await pause(pauseMilliseconds)
    }
  }
}
