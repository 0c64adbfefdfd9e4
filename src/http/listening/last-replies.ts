// How connections come to their end without an error at their clients.
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { isLastUnderWay, replyUnderWay } from '../fast/reply-under-way.js'

/** Makes the reply to the last request of each connection the last one (`Connection: close`, RFC 9112 §9.6). */
export class LastReplies {
  /** By connection: the reply that will say so, unless another request comes before it is written. */
  readonly #last = new WeakMap<Duplex, ServerResponse>()

  /** Takes note of a request that has just come. False where it came behind the last reply, and is to be ignored. */
  take(reply: ServerResponse): boolean {
    const before = this.#last.get(reply.req.socket)
    if (before !== undefined) {
      if (before.headersSent) return false
      before.shouldKeepAlive = true
    }
    this.#say(reply)
    return true
  }

  /** The same for the requests of a connection that have come already, and wait for their replies. */
  takeOver(connection: Duplex): void {
    const reply = replyUnderWay(connection)
    if (reply === undefined || this.#last.has(connection)) return
    if (isLastUnderWay(reply)) this.#say(reply)
    else reply.once('close', () => this.takeOver(connection))
  }

  #say(reply: ServerResponse): void {
    // The client has asked for the end itself, or has been told of none: then its next reply says so.
    if (!reply.shouldKeepAlive || reply.headersSent) return
    reply.shouldKeepAlive = false
    this.#last.set(reply.req.socket, reply)
  }
}
