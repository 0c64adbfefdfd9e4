import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import express from 'express'

export interface BodyTaker {
  onData(chunk: Buffer): void
  onEnd(): void
  /** The connection closed, or the reply came first. */
  onGone(): void
}

/** Node's server calls it. Its types omit it. */
interface Dumped {
  _dump(): void
}

const stream = IncomingMessage.prototype as IncomingMessage & Dumped

/** Takes the body from Node's parser. The stream costs a tenth of a BOSH request. */
export class FastRequest extends IncomingMessage implements Dumped {
  protected taker: BodyTaker | undefined = undefined

  /** False if it is too late. Otherwise the stream emits nothing. */
  handTo(taker: BodyTaker): boolean {
    if (this.complete || this.readableFlowing !== null || this.readableLength > 0) return false
    this.taker = taker
    return true
  }

  /** Called by Node's parser, with null at the end. */
  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    const { taker } = this
    if (taker === undefined) return super.push(chunk, encoding)
    if (chunk === null) taker.onEnd()
    else taker.onData(chunk)
    return true
  }

  /** Called by Node if the connection closes before the reply. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.taker?.onGone()
    super._destroy(error, done)
  }

  /** Called by Node after the reply. */
  _dump(): void {
    if (this.taker === undefined) stream._dump.call(this)
  }
}

const { get: isEnded } = Object.getOwnPropertyDescriptor(Readable.prototype, 'readableEnded')!
// Node keeps a request until this is true.
Object.defineProperty(FastRequest.prototype, 'readableEnded', {
  get(this: FastRequest): boolean {
    return this['taker'] === undefined ? isEnded!.call(this) : this.complete
  },
})

// See `install.ts`.
Object.setPrototypeOf(FastRequest.prototype, express.request)
