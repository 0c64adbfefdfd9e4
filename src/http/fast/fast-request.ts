import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import express from 'express'

/** Takes the body of a request. */
export interface BodyTaker {
  onData(chunk: Buffer): void
  /** All of it has come. */
  onEnd(): void
  /** The connection is closed, or the reply has left before all of the body came: `writableFinished` tells. */
  onGone(): void
}

/** What Node's server asks of a request, and its types do not say. */
interface Dumped {
  _dump(): void
}

const stream = IncomingMessage.prototype as IncomingMessage & Dumped

/**
 * A request whose body can be taken straight from Node's parser. As a stream it would pass through buffers, events and
 * turns of the event loop that a body of one piece has no use for, which is a tenth of what a BOSH request costs.
 */
export class FastRequest extends IncomingMessage implements Dumped {
  protected taker: BodyTaker | undefined = undefined

  /** Hands the body to a taker; no event of the stream tells of it. False where part of it has come, or a reader is there. */
  handTo(taker: BodyTaker): boolean {
    if (this.complete || this.readableFlowing !== null || this.readableLength > 0) return false
    this.taker = taker
    return true
  }

  /** Node's parser calls this with each piece of the body, and with null at its end. */
  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    const { taker } = this
    if (taker === undefined) return super.push(chunk, encoding)
    if (chunk === null) taker.onEnd()
    else taker.onData(chunk)
    return true
  }

  /** Node calls this when the connection is closed before the reply has left. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.taker?.onGone()
    super._destroy(error, done)
  }

  /** Node calls this once the reply has left, to discard what has not been read: it is in the way of the next request. */
  _dump(): void {
    if (this.taker === undefined) stream._dump.call(this)
  }
}

const { get: isEnded } = Object.getOwnPropertyDescriptor(Readable.prototype, 'readableEnded')!
// Node keeps a request until all of it has been read.
Object.defineProperty(FastRequest.prototype, 'readableEnded', {
  get(this: FastRequest): boolean {
    return this['taker'] === undefined ? isEnded!.call(this) : this.complete
  },
})

// What Express adds to a request: `install.ts` says why it stands here.
Object.setPrototypeOf(FastRequest.prototype, express.request)
