import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { isLastUnderWay, replyUnderWay } from '../fast/reply-under-way.js'

/** While the service stops, closes each connection after its last reply. */
export class LastReplies {
  readonly #last = new WeakMap<Duplex, ServerResponse>()

  /** Returns false if the connection closes after a reply that was already sent: ignore the new request then. */
  add(reply: ServerResponse): boolean {
    const before = this.#last.get(reply.req.socket)
    if (before !== undefined) {
      if (before.headersSent) return false
      before.shouldKeepAlive = true
    }
    this.#markLast(reply)
    return true
  }

  includeOpen(connection: Duplex): void {
    const reply = replyUnderWay(connection)
    if (reply === undefined || this.#last.has(connection)) return
    if (isLastUnderWay(reply)) this.#markLast(reply)
    else reply.once('close', () => this.includeOpen(connection))
  }

  #markLast(reply: ServerResponse): void {
    if (!reply.shouldKeepAlive || reply.headersSent) return
    reply.shouldKeepAlive = false
    this.#last.set(reply.req.socket, reply)
  }
}
