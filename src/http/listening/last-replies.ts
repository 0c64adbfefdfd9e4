import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { isLastUnderWay, replyUnderWay } from '../fast/reply-under-way.js'

export class LastReplies {
  /** The last reply, unless another request arrives before it is written. */
  readonly #last = new WeakMap<Duplex, ServerResponse>()

  take(reply: ServerResponse): boolean {
    const before = this.#last.get(reply.req.socket)
    if (before !== undefined) {
      if (before.headersSent) return false
      before.shouldKeepAlive = true
    }
    this.#say(reply)
    return true
  }

  takeOver(connection: Duplex): void {
    const reply = replyUnderWay(connection)
    if (reply === undefined || this.#last.has(connection)) return
    if (isLastUnderWay(reply)) this.#say(reply)
    else reply.once('close', () => this.takeOver(connection))
  }

  #say(reply: ServerResponse): void {
    if (!reply.shouldKeepAlive || reply.headersSent) return
    reply.shouldKeepAlive = false
    this.#last.set(reply.req.socket, reply)
  }
}
