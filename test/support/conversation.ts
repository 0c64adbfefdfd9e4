// Two users who talk to each other over the service, word for word, while something else befalls it.
import { BoshClient } from './bosh-client.js'
import { eventually } from './eventually.js'
import type { TestService } from './start-service.js'

/** Time between an answer and the next word, in milliseconds: they are not there to keep the machine busy. */
const pause = 20
/** Longest time that a word and its answer may take while others are in trouble, in milliseconds. */
const longest = 10_000

/** The accounts that talk, name to password. */
export const talkers = { romeo: 'verona', juliet: 'balcony' }

/** Someone who is always reachable: one request is held, and words go with another. */
class Talker {
  readonly #client: BoshClient
  #over = false

  constructor(
    url: string,
    readonly binding: { readonly jid: string; readonly sid: string; readonly rid: number },
    readonly heard: (word: string) => void,
    readonly failed: (error: unknown) => void,
  ) {
    this.#client = new BoshClient(`${url}/http-bind`, binding)
    void this.#ask('')
  }

  say(to: string, word: number): void {
    void this.#ask(`<message xmlns='jabber:client' to='${to}'><body>word ${word}</body></message>`)
  }

  async leave(): Promise<void> {
    this.#over = true
    await this.#client.terminate()
    this.#client.close()
  }

  #open = 0

  async #ask(inner: string): Promise<void> {
    this.#open += 1
    try {
      const reply = await this.#client.request(inner)
      this.#open -= 1
      if (this.#over) return
      if (reply.includes("type='terminate'")) throw new Error(reply)
      for (const [, word] of reply.matchAll(/<body>word (\d+)<\/body>/g)) this.heard(word!)
      if (this.#open === 0) void this.#ask('')
    } catch (error) {
      if (!this.#over) this.failed(error)
    }
  }
}

/** A conversation that is under way until it is ended. */
export class Conversation {
  readonly #talkers: readonly [Talker, Talker]
  #answered = 0
  #saidAt = 0
  #longest = 0
  #failure: unknown
  #timer: NodeJS.Timeout | undefined

  private constructor(url: string, romeo: Talker['binding'], juliet: Talker['binding']) {
    const fail = (error: unknown) => {
      this.#failure ??= error
    }
    this.#talkers = [
      new Talker(url, romeo, word => this.#answer(Number(word)), fail),
      new Talker(url, juliet, word => this.#talkers[1].say(romeo.jid, Number(word)), fail),
    ]
    this.#say()
  }

  /** Warms the two, at the server that knows `talkers`, and has them begin. */
  static async begin(service: TestService): Promise<Conversation> {
    const bind = (name: keyof typeof talkers) => service.bind({ jid: `${name}@localhost`, password: talkers[name] })
    const conversation = new Conversation(service.url, await bind('romeo'), await bind('juliet'))
    await conversation.goesOn()
    return conversation
  }

  /** Resolves when so many more words have been answered. Rejects if one was lost, came twice or took too long. */
  async goesOn(words = 5): Promise<void> {
    const wanted = this.#answered + words
    await eventually(`word ${wanted} is answered`, () => this.#failure !== undefined || this.#answered >= wanted, {
      seconds: 30,
    })
    if (this.#failure !== undefined) throw this.#failure
  }

  async end(): Promise<void> {
    await this.goesOn(1)
    clearTimeout(this.#timer)
    for (const talker of this.#talkers) await talker.leave()
  }

  #say(): void {
    this.#saidAt = performance.now()
    const [romeo, juliet] = this.#talkers
    romeo.say(juliet.binding.jid, this.#answered + 1)
  }

  #answer(word: number): void {
    if (word !== this.#answered + 1) this.#failure ??= new Error(`word ${word} after word ${this.#answered}`)
    this.#answered += 1
    this.#longest = Math.max(this.#longest, performance.now() - this.#saidAt)
    if (this.#longest > longest) this.#failure ??= new Error(`a word took ${Math.round(this.#longest)} ms`)
    this.#timer = setTimeout(() => this.#say(), pause)
  }
}
