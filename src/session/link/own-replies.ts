import type { Element } from '../../xmpp/xml/element.js'
import type { Session } from '../session.js'

/** Characters. */
const mostWaiting = 64 * 1024

/**
 * Stanzas that the service itself sends to the server of a session with records. They wait until they are in a record: a
 * process that reads an earlier one knows only how many stanzas the server has, and would take them for the page's.
 */
export class OwnReplies {
  readonly #session: Session
  #waiting: Element[]

  /** `waiting`: of the record of another process. */
  constructor(session: Session, waiting: readonly Element[] = []) {
    this.#session = session
    this.#waiting = [...waiting]
  }

  get record(): readonly Element[] {
    return [...this.#waiting]
  }

  /** The reply is dropped if too many wait. */
  send(reply: Element): void {
    const { keeper, link } = this.#session
    if (keeper.kept?.writesRecords(this.#session) !== true) {
      link.send([reply])
      return
    }
    const size = this.#waiting.reduce((sum, { text }) => sum + text.length, reply.text.length)
    if (size > mostWaiting) return
    this.#waiting.push(reply)
    keeper.touched(this.#session)
  }

  /** `recorded`: what a record has now. By default, no record is waited for. */
  kept(recorded: readonly Element[] = this.#waiting): void {
    const session = this.#session
    // Before the resumption, nobody knows whether another process has sent them.
    if (this.#waiting.length === 0 || session.uplink.managed?.isMending === true) return
    const sent = this.#waiting.filter(reply => recorded.includes(reply))
    this.#waiting = this.#waiting.filter(reply => !recorded.includes(reply))
    if (sent.length > 0) session.run(() => session.link.send(sent))
  }

  /** The session ends, so no process reads a record of it. */
  take(): readonly Element[] {
    return this.#waiting.splice(0)
  }

  /** The server has `count` stanzas that the record lacks. Returns how many of these are the page's. */
  resumed(count: number): number {
    return count - (count === 0 ? 0 : this.#waiting.splice(0, count).length)
  }
}
