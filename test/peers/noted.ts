// What a client has noted so far, and waiting for more of it.
import { eventually, patience } from '../support/eventually.js'

export class Noted {
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
