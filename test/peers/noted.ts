// What a client has noted so far, and waiting for more of it.
import { patience } from '../support/eventually.js'

export class Noted {
  readonly all: string[] = []
  readonly #waiting = new Set<() => void>()

  note(text: string): void {
    this.all.push(text)
    for (const look of [...this.#waiting]) look()
  }

  /** Resolves once this text was noted; rejects after a while with all that was. */
  has(text: string, milliseconds = patience): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        clearTimeout(late)
        this.#waiting.delete(look)
        if (error === undefined) resolve()
        else reject(error)
      }
      const look = () => {
        if (this.all.includes(text)) settle()
      }
      const fail = () => settle(new Error(`no "${text}", but ${JSON.stringify(this.all)}`))
      const late = setTimeout(fail, milliseconds)
      this.#waiting.add(look)
      look()
    })
  }
}
