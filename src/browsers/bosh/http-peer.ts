import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import { cameSecurely, countedAddress, type Entrance } from '../../http/access/client-rules.js'
import type { BodyTaker } from '../../http/fast/fast-request.js'
import { closeLingering } from '../../http/listening/take-body.js'
import type { UnfinishedBodies, UnfinishedBody } from '../../http/listening/unfinished-bodies.js'
import type { Clock, Timer } from '../../lib/clock.js'
import { writeBatch } from '../../lib/write-batch.js'
import { readUtf8 } from '../../xmpp/xml/utf8.js'
import type { BoshService } from './carried-requests.js'
import { breakOff, fail, type ReplyParts, send } from './http-reply.js'
import type { Peer, Reply } from './peer.js'

export interface HttpPeerParts
  extends ReplyParts,
    Pick<Entrance, 'clients' | 'secureUrl'>,
    Pick<BoshService, 'serve' | 'refuseTooLarge'> {
  /** Longest request body, in bytes. */
  readonly maxBodyBytes: number
  /** The bodies whose rest is waited for. */
  readonly bodies: UnfinishedBodies
  readonly clock: Clock
}

/** How much of a body tells which session it is for, in bytes, and how long that is waited for, in milliseconds. */
const headBytes = 1024
const headMilliseconds = 1_000

/** How many replies are written at once while others are still made. */
const mostAtOnce = 16

/** Replies to write at the end of this turn. */
const pendingReplies = writeBatch<HttpPeer>(mostAtOnce, peer => peer.depart())

/** A client that has something to say over HTTP and waits for the reply. What most requests never need is looked up on first use. */
export class HttpPeer implements Peer, BodyTaker {
  gone = false
  whenGone: (() => void) | undefined
  readonly #res: ServerResponse
  readonly #parts: HttpPeerParts
  /** How many bytes the body has; undefined where that is not known before its end, or not all of it is wanted. */
  #length: number | undefined
  #address: string | undefined
  #reply: Reply | undefined
  /** The body, where it has come in one piece. */
  #whole: Buffer | undefined
  #unfinished: UnfinishedBody | undefined
  #headTimer: Timer | undefined
  /** Once the body is refused: takes note of so many bytes more. */
  #discard: ((bytes: number) => void) | undefined

  /** `length` is what the header says of the body, if it says so. */
  constructor(res: ServerResponse, parts: HttpPeerParts, length: number | undefined) {
    this.#res = res
    this.#parts = parts
    this.#length = length
  }

  get address(): string {
    // The connection cannot tell any more once it is closed.
    this.#address ??= countedAddress(this.#res.req, this.#parts.clients)
    return this.#address
  }

  get secure(): boolean {
    return cameSecurely(this.#res.req, this.#parts.clients)
  }

  get cookies(): string | undefined {
    return this.#res.req.headers.cookie
  }

  get secureUrl(): string | undefined {
    return this.#parts.secureUrl(this.#res.req)
  }

  /** The body is longer than may be, and only its beginning is waited for: it may say which session it is for. */
  awaitHead(): void {
    this.#length = undefined
    this.#headTimer = this.#parts.clock.after(headMilliseconds, () => this.refuseTooLarge())
  }

  onData(chunk: Buffer): void {
    this.#parts.counts.bytesReceived += chunk.length
    if (this.#discard !== undefined) this.#discard(chunk.length)
    else if (chunk.length === this.#length) this.#whole = chunk
    else this.#collect(chunk)
  }

  #collect(chunk: Buffer): void {
    this.#unfinished ??= this.#parts.bodies.begin(this.address, this.#length)
    if (!this.#unfinished.add(chunk)) {
      this.#parts.counts.bodiesRefused += 1
      this.#refuse(503)
      return
    }
    const { length } = this.#unfinished.bytes
    if (length > this.#parts.maxBodyBytes || (this.#headTimer !== undefined && length >= headBytes))
      this.refuseTooLarge()
  }

  onEnd(): void {
    if (this.#discard !== undefined) return
    const body = this.#whole ?? this.#unfinished?.bytes ?? Buffer.alloc(0)
    // A held request must not keep its bytes.
    this.#whole = undefined
    this.#forget()
    try {
      // Text in any other encoding reaches the parser as nothing, and is refused as such.
      this.#parts.serve(readUtf8(body) ?? '', this)
    } catch (error) {
      breakOff(this.#res, this.#parts, error)
    }
  }

  onGone(): void {
    this.#forget()
    if (this.#res.writableFinished || this.gone) return
    this.gone = true
    this.whenGone?.()
  }

  answer(reply: Reply): void {
    if (this.#reply !== undefined) return
    this.#reply = reply
    pendingReplies(this)
  }

  depart(): void {
    send(this.#res, this.#reply!, this.#parts)
  }

  /** Answers what is too large by what has come of it, in words that its client understands where it has a session. */
  refuseTooLarge(): void {
    const head = this.#unfinished?.bytes.toString('latin1', 0, headBytes) ?? ''
    const reply = this.#parts.refuseTooLarge(head, this)
    if (!(reply instanceof Promise)) this.#refuse(reply ?? 413)
    else {
      this.#discardRest()
      void reply.then(told => this.#tell(told ?? 413))
    }
  }

  /** Answers before the body has come, and closes the connection. */
  #refuse(reply: Reply | number): void {
    this.#discardRest()
    this.#tell(reply)
  }

  #discardRest(): void {
    this.#forget()
    this.#discard = closeLingering(this.#res, this.#parts.clock)
  }

  #tell(reply: Reply | number): void {
    if (typeof reply !== 'number') send(this.#res, reply, this.#parts)
    else {
      this.#parts.counts.failedRequests += 1
      fail(this.#res, this.#parts, reply)
    }
  }

  /** The rest of the body is not waited for any more. */
  #forget(): void {
    this.#headTimer?.cancel()
    this.#unfinished?.end()
    this.#unfinished = undefined
  }
}
