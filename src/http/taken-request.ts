import { IncomingMessage, type ServerResponse } from 'node:http'
import { inviteBody } from './expectation.js'

/** Takes the body of a request. */
export interface BodyTaker {
  onData(chunk: Buffer): void
  /** All of it has come. */
  onEnd(): void
  /** The connection is closed, and the reply had not left. It may have left after all, and the end may not have come. */
  onGone(): void
}

/** What Node's server asks of a request, and its types do not tell. */
interface Asked {
  _dump(): void
}

const stream = IncomingMessage.prototype as IncomingMessage & Asked

/**
 * A request whose body can be taken straight from the parser. As a stream it would pass through buffers, events and
 * turns of the event loop that a body of one piece has no use for, which is a tenth of what a BOSH request costs.
 */
export class TakenRequest extends IncomingMessage implements Asked {
  protected taker: BodyTaker | undefined = undefined

  /** From now on there is no stream: no event tells of the body. Only before any of it has come. */
  handTo(taker: BodyTaker): void {
    this.taker = taker
  }

  /** What the parser has read of the body; null is its end. */
  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    const { taker } = this
    if (taker === undefined) return super.push(chunk, encoding)
    if (chunk === null) taker.onEnd()
    else taker.onData(chunk)
    return true
  }

  /** Node asks for it when the connection is closed before the reply has left. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.taker?.onGone()
    super._destroy(error, done)
  }

  /** Node asks for it once the reply has left: what nobody has read is in the way of the next request. */
  _dump(): void {
    if (this.taker === undefined) stream._dump.call(this)
  }
}

const { get: endedOf } = propertyOf(IncomingMessage.prototype, 'readableEnded')
// Node keeps a request until all of it has been read.
Object.defineProperty(TakenRequest.prototype, 'readableEnded', {
  get(this: TakenRequest): boolean {
    return this['taker'] === undefined ? endedOf!.call(this) : this.complete
  },
})

function propertyOf(prototype: object, name: string): PropertyDescriptor {
  return (
    Object.getOwnPropertyDescriptor(prototype, name) ?? propertyOf(Object.getPrototypeOf(prototype), name)
  )
}

/** Takes the body of any request, by its events where there is no other way. A client that asks first may send it. */
export function takeBody(req: IncomingMessage, res: ServerResponse, taker: BodyTaker): void {
  inviteBody(res)
  // Nobody has asked the stream for anything, and nothing lies in it.
  const isFresh = req.readableFlowing === null && req.readableLength === 0
  if (req instanceof TakenRequest && !req.complete && isFresh) {
    req.handTo(taker)
    return
  }
  req.on('data', (chunk: Buffer) => taker.onData(chunk))
  req.on('end', () => taker.onEnd())
  res.on('close', () => taker.onGone())
  // The reply to a pipelined request has no socket until its turn comes, and is not told of the socket's end before.
  if (res.socket === null) leaveWithConnection(req, res, taker)
}

function leaveWithConnection({ socket }: IncomingMessage, res: ServerResponse, taker: BodyTaker): void {
  const leave = () => taker.onGone()
  // As many as the client has sent ahead.
  socket.setMaxListeners(0).once('close', leave)
  res.once('close', () => socket.off('close', leave))
}
