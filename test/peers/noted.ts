// What a client of a library has noted so far, and waiting for more of it.
import { eventually, patience } from '../support/eventually.js'

class Noted {
  readonly all: string[] = []

  note(text: string): void {
    this.all.push(text)
  }

  /** Resolves once this text was noted; rejects after a while with all that was. */
  async has(text: string, milliseconds = patience): Promise<void> {
    await eventually(text, () => this.all.includes(text), { seconds: milliseconds / 1000 }).catch(error => {
      throw new Error(`${error.message}, but ${JSON.stringify(this.all)}`)
    })
  }
}

export abstract class NotingClient {
  /** Bodies of messages. */
  protected readonly heard = new Noted()
  /** What became of its stream, such as `resumed`. */
  protected readonly events = new Noted()

  async texts(): Promise<readonly string[]> {
    return this.heard.all
  }

  receives(text: string, milliseconds?: number): Promise<void> {
    return this.heard.has(text, milliseconds)
  }

  resumes(milliseconds?: number): Promise<void> {
    return this.events.has('resumed', milliseconds)
  }
}
