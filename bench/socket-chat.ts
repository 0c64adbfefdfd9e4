// A session over WebSocket that sends a message to itself, waits for it, and sends the next.
import { close, type SocketSession } from './socket-sessions.js'

export class SocketChat {
  readonly #session: SocketSession
  readonly #arrived: (milliseconds: number) => void
  #serial = 0
  #awaited = ''
  #sentAt = 0

  /** `arrived` is called with each round trip's milliseconds. */
  constructor(session: SocketSession, arrived: (milliseconds: number) => void) {
    this.#session = session
    this.#arrived = arrived
    session.lane.heard = message => this.#read(message)
  }

  /** There is nothing to ask. */
  poll(): void {}

  /** Sends the first message; the following ones go by themselves. */
  sendNext(): void {
    this.#awaited = `>word ${++this.#serial}<`
    this.#sentAt = performance.now()
    this.#session.lane.send(
      `<message xmlns='jabber:client' to='${this.#session.jid}' type='chat'><body${this.#awaited}/body></message>`,
    )
  }

  async end(): Promise<void> {
    this.#session.lane.heard = () => {}
    await this.#session.lane.leave(close)
  }

  #read(message: string): void {
    if (this.#awaited === '' || !message.includes(this.#awaited)) return
    this.#arrived(performance.now() - this.#sentAt)
    this.sendNext()
  }
}
