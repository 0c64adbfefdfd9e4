import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import { forwardRequest } from '../../forwarding/forward-request.js'
import type { PeerLink } from '../../forwarding/peer-links.js'
import { isForwardedByPeer } from '../../forwarding/peer-listener.js'
import { browserName } from '../../http/access/browser-name.js'
import { countedAddress, countsAsEncrypted, type PublicEndpoint } from '../../http/access/client-rules.js'
import { closeLingering } from '../../http/bodies/lingering-close.js'
import type { UnfinishedBody } from '../../http/bodies/unfinished-bodies.js'
import type { BodySink } from '../../http/fast/fast-request.js'
import { clientOf } from '../../lib/client-network.js'
import type { Timer } from '../../lib/clock.js'
import { writeBatch } from '../../lib/write-batch.js'
import { readUtf8 } from '../../xmpp/xml/utf8.js'
import type { BoshService } from './forwarded-requests.js'
import { breakOff, fail, type ReplyParts, send } from './http-reply.js'
import { busyAnswer, type Peer, type Reply, type Settled } from './peer.js'

export interface HttpPeerParts extends ReplyParts, Pick<BoshService, 'serve' | 'refuseTooLarge'> {
  readonly endpoint: PublicEndpoint
  readonly maxBodyBytes: number
}

const headBytes = 1024
const headMilliseconds = 1_000

const mostAtOnce = 16

const tooLarge = 'The request is too large. Send fewer or smaller stanzas: an operator can raise MAX_STANZA_BYTES.'

const pendingReplies = writeBatch<HttpPeer>(mostAtOnce, peer => peer.write())

export class HttpPeer implements Peer, BodySink {
  gone = false
  mayBeLate = false
  whenGone: (() => void) | undefined
  readonly #res: ServerResponse
  readonly #parts: HttpPeerParts
  #length: number | undefined
  #address: string | undefined
  #reply: Reply | undefined
  #settled: Settled | undefined
  #whole: Buffer | undefined
  #unfinished: UnfinishedBody | undefined
  #headTimer: Timer | undefined
  #discard: ((bytes: number) => void) | undefined

  constructor(res: ServerResponse, parts: HttpPeerParts, length: number | undefined) {
    this.#res = res
    this.#parts = parts
    this.#length = length
  }

  get address(): string {
    // Stored, because a closed connection has no address.
    this.#address ??= countedAddress(this.#res.req, this.#parts.endpoint.clients)
    return this.#address
  }

  get secure(): boolean {
    return countsAsEncrypted(this.#res.req, this.#parts.endpoint.clients)
  }

  get cookies(): string | undefined {
    return this.#res.req.headers.cookie
  }

  get browser(): string | undefined {
    return browserName(this.#res.req.headers['user-agent'])
  }

  get secureUrl(): string | undefined {
    return this.#parts.endpoint.secureUrl(this.#res.req)
  }

  get cameFromPeer(): boolean {
    return isForwardedByPeer(this.#res.req)
  }

  forward(link: PeerLink, text: string) {
    return forwardRequest(link, this.#res.req, this.#res, { body: Buffer.from(text) })
  }

  /** Waits for the start of a too large body, because its sid shows which session must end. */
  awaitHead(): void {
    this.#length = undefined
    this.#headTimer = this.#parts.transport.clock.after(headMilliseconds, () => this.#refuseTooLarge())
  }

  onData(chunk: Buffer): void {
    this.#parts.transport.counts.pages.bosh.received += chunk.length
    if (this.#discard !== undefined) this.#discard(chunk.length)
    else if (chunk.length === this.#length) this.#whole = chunk
    else this.#collect(chunk)
  }

  #collect(chunk: Buffer): void {
    this.#unfinished ??= this.#parts.transport.bodies.begin(this.address, this.#length)
    if (!this.#unfinished.add(chunk)) {
      this.#discardRest()
      this.#parts.transport.counts.failedRequests += 1
      send(this.#res, busyAnswer, this.#parts)
      return
    }
    const { length } = this.#unfinished.bytes
    if (length > this.#parts.maxBodyBytes || (this.#headTimer !== undefined && length >= headBytes))
      this.#refuseTooLarge()
  }

  onEnd(): void {
    if (this.#discard !== undefined) return
    const body = this.#whole ?? this.#unfinished?.bytes ?? Buffer.alloc(0)
    this.#whole = undefined
    this.#forget()
    try {
      this.#parts.serve(readUtf8(body) ?? '', this)
    } catch (error) {
      breakOff(this.#res, this.#parts, error)
    }
  }

  onGone(): void {
    this.#forget()
    this.#settle(false)
    if (this.#res.writableFinished || this.gone) return
    this.gone = true
    this.whenGone?.()
  }

  answer(reply: Reply, settled?: Settled): void {
    if (this.#reply !== undefined) return void settled?.(false)
    this.#reply = reply
    this.#settled = settled
    pendingReplies(this)
  }

  write(): void {
    send(this.#res, this.#reply!, this.#parts)
    if (this.#settled === undefined) return
    if (this.#res.writableFinished) this.#settle(true)
    else if (this.#res.destroyed || this.gone) this.#settle(false)
    // Node emits `finish` also if the connection breaks.
    else this.#res.once('finish', () => this.#settle(this.#res.req.socket.errored === null))
  }

  #settle(isSent: boolean): void {
    const settled = this.#settled
    this.#settled = undefined
    settled?.(isSent)
  }

  #refuseTooLarge(): void {
    this.#parts.transport.refused('stanza', { address: clientOf(this.address) })
    const head = this.#unfinished?.bytes.toString('latin1', 0, headBytes) ?? ''
    const reply = this.#parts.refuseTooLarge(head, this)
    this.#discardRest()
    if (reply instanceof Promise) void reply.then(told => this.#tell(told))
    else this.#tell(reply)
  }

  #discardRest(): void {
    this.#forget()
    this.#discard = closeLingering(this.#res, this.#parts.transport.clock)
  }

  #tell(reply: Reply | undefined): void {
    if (reply !== undefined) send(this.#res, reply, this.#parts)
    else {
      this.#parts.transport.counts.failedRequests += 1
      fail(this.#res, this.#parts, 413, tooLarge)
    }
  }

  #forget(): void {
    this.#headTimer?.cancel()
    this.#unfinished?.end()
    this.#unfinished = undefined
  }
}
