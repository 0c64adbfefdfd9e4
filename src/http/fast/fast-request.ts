import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import express from 'express'

export interface BodyTaker {
  onData(chunk: Buffer): void
  onEnd(): void
  /** The connection has closed, or the reply was sent first. */
  onGone(): void
}

/** Node's server calls this method, but its types omit it. */
interface Dumped {
  _dump(): void
}

const stream = IncomingMessage.prototype as IncomingMessage & Dumped

/** Takes the body from Node's parser: a stream costs a tenth of a BOSH request. */
export class FastRequest extends IncomingMessage implements Dumped {
  protected taker: BodyTaker | undefined = undefined

  /** False if the body is already being read. Otherwise the stream emits nothing. */
  handTo(taker: BodyTaker): boolean {
    if (this.complete || this.readableFlowing !== null || this.readableLength > 0) return false
    this.taker = taker
    return true
  }

  /** Node's parser calls this, with null at the end. */
  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    const { taker } = this
    if (taker === undefined) return super.push(chunk, encoding)
    if (chunk === null) taker.onEnd()
    else taker.onData(chunk)
    return true
  }

  /** Node would make a stack trace of the error, which nobody reads. */
  override destroy(error?: Error): this {
    return super.destroy(this.taker === undefined ? error : undefined)
  }

  /** Node calls this if the connection closes before the reply. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.taker?.onGone()
    super._destroy(error, done)
  }

  /** Node calls this after the reply. */
  _dump(): void {
    if (this.taker === undefined) stream._dump.call(this)
  }
}

const { get: isEnded } = Object.getOwnPropertyDescriptor(Readable.prototype, 'readableEnded')!
// Node keeps the request in memory until `readableEnded` is true.
Object.defineProperty(FastRequest.prototype, 'readableEnded', {
  get(this: FastRequest): boolean {
    return this['taker'] === undefined ? isEnded!.call(this) : this.complete
  },
})

// See `install.ts`.
Object.setPrototypeOf(FastRequest.prototype, express.request)
