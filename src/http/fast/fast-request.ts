import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import express from 'express'

export interface BodySink {
  onData(chunk: Buffer): void
  onEnd(): void
  /** The connection has closed before the end of the body or reply. */
  onGone(): void
}

export const tinyChunks = 'ERR_TINY_CHUNKS'

interface Dumped {
  _dump(): void
}

const stream = IncomingMessage.prototype as IncomingMessage & Dumped

/** Node reads a piece in a microsecond, so a mebibyte of them in a tenth of a second. */
const mostPieces = 4_096
/** On average, in bytes. */
const leastPiece = 16

/** Avoids the body's stream, which costs a tenth of a BOSH request. */
export class FastRequest extends IncomingMessage implements Dumped {
  protected sink: BodySink | undefined = undefined
  /** Of a body without a sink, after its first piece. */
  protected pieces: Buffer[] | undefined = undefined
  protected inPieces = 0
  protected received = 0
  protected receivedBytes = 0

  /** Returns false if a part of the body has arrived or is being read. */
  handTo(sink: BodySink): boolean {
    if (this.complete || this.readableFlowing !== null || this.readableLength > 0) return false
    this.sink = sink
    return true
  }

  /** Node's parser calls this, with null at the end. */
  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    const { sink } = this
    if (chunk !== null && this.isInTinyPieces(chunk)) return false
    if (sink === undefined) return this.pushJoined(chunk, encoding)
    if (chunk === null) sink.onEnd()
    else sink.onData(chunk)
    return true
  }

  protected isInTinyPieces({ length }: Buffer): boolean {
    this.received += 1
    this.receivedBytes += length
    const isTiny = this.received > mostPieces && this.receivedBytes < this.received * leastPiece
    // Node emits `clientError` with it.
    if (isTiny && !this.socket.destroyed)
      this.socket.destroy(Object.assign(new Error('tiny chunks'), { code: tinyChunks }))
    return isTiny
  }

  /**
   * Joins the pieces of a turn of the event loop, but for the first. While nobody reads the body, Node's stream would keep
   * a buffer for each, and a piece of one byte would take hundreds of bytes.
   */
  protected pushJoined(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    if (chunk === null) this.join()
    if (chunk === null || this.pieces === undefined) {
      this.pieces = []
      return super.push(chunk, encoding)
    }
    if (this.pieces.length === 0) setImmediate(() => this.join())
    this.pieces.push(chunk)
    this.inPieces += chunk.length
    return this.readableLength + this.inPieces < this.readableHighWaterMark
  }

  protected join(): void {
    const { pieces = [] } = this
    if (pieces.length === 0) return
    this.pieces = []
    this.inPieces = 0
    if (!this.destroyed) super.push(Buffer.concat(pieces))
  }

  /** With a sink, nobody reads the error, but Node would format its stack trace. */
  override destroy(error?: Error): this {
    return super.destroy(this.sink === undefined ? error : undefined)
  }

  /** Node calls this if the connection closes before the reply. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.sink?.onGone()
    super._destroy(error, done)
  }

  /** Node calls this after the reply. */
  _dump(): void {
    if (this.sink === undefined) stream._dump.call(this)
  }
}

const { get: isEnded } = Object.getOwnPropertyDescriptor(Readable.prototype, 'readableEnded')!
// Node keeps the request in memory until `readableEnded` is true.
Object.defineProperty(FastRequest.prototype, 'readableEnded', {
  get(this: FastRequest): boolean {
    return this['sink'] === undefined ? isEnded!.call(this) : this.complete
  },
})

// Adds the methods of Express, for `install.ts`.
Object.setPrototypeOf(FastRequest.prototype, express.request)
