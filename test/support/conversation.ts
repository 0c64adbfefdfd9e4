// Two users who talk to each other over the service, word for word, while something else befalls it.
import { User } from '../peers/user.js'
import type { TestService } from './start-service.js'

/** Longest time that a word or its answer may take while others are in trouble, in milliseconds. */
const longest = 10_000

export const talkers = { romeo: 'verona', juliet: 'balcony' }

export class Conversation {
  #said = 0

  private constructor(
    readonly romeo: User,
    readonly juliet: User,
  ) {}

  /** Warms the two, at the server that knows `talkers`, and has them begin. */
  static async begin(service: TestService): Promise<Conversation> {
    const bind = (name: keyof typeof talkers) =>
      User.warm(service, { jid: `${name}@localhost`, password: talkers[name] })
    const conversation = new Conversation(await bind('romeo'), await bind('juliet'))
    await conversation.goesOn()
    return conversation
  }

  /** Resolves when so many more words have been answered. Rejects if one was lost, came twice or took too long. */
  async goesOn(words = 5): Promise<void> {
    for (const last = this.#said + words; this.#said < last; ) {
      const word = `word ${++this.#said}`
      this.romeo.say(this.juliet.jid, word)
      await this.juliet.receives(`>${word}<`, longest)
      this.juliet.say(this.romeo.jid, word)
      await this.romeo.receives(`>${word}<`, longest)
    }
    const said = Array.from({ length: this.#said }, (_, index) => `word ${index + 1}`)
    for (const { texts } of [this.romeo, this.juliet]) if (texts.join() !== said.join()) throw new Error(texts.join())
  }

  async end(): Promise<void> {
    for (const user of [this.romeo, this.juliet]) await user.leave()
  }
}
