import { bodyBytes, type Frame, type FrameKind, frameKinds, writeFrame } from '../carriers/frames.js'
import type { Exchange, ExchangeEnd, ExchangeEvents, Message } from '../nodes.js'

/** Above this number of unprocessed bytes, `isBehind` is true. */
const windowBytes = 64 * 1024
const portionBytes = 16 * 1024

export type Accept = (message: Message, exchange: Exchange, kind: string) => ExchangeEvents | undefined

export type Guarded = (act: () => void) => void

export class Exchanges {
  readonly #openedHere = new Map<number, OpenExchange>()
  readonly #openedThere = new Map<number, OpenExchange>()
  readonly #node: string
  readonly #send: (frame: Buffer) => void
  readonly #accept: Accept
  readonly #guarded: Guarded
  #last = 0

  constructor(node: string, send: (frame: Buffer) => void, accept: Accept, guarded: Guarded) {
    this.#node = node
    this.#send = send
    this.#accept = accept
    this.#guarded = guarded
  }

  get size(): number {
    return this.#openedHere.size + this.#openedThere.size
  }

  open(kind: string, head: unknown, body: string | Buffer, events: ExchangeEvents): Exchange {
    do this.#last = (this.#last + 1) >>> 0
    while (this.#openedHere.has(this.#last))
    const exchange = new OpenExchange(this.#node, this.#last, true, this.#openedHere, this.#send)
    exchange.events = events
    exchange.write(frameKinds.open, { kind, head }, body)
    return exchange
  }

  take(frame: Frame): void {
    if (frame.kind === frameKinds.open) this.#begin(frame)
    else (frame.isOpeners ? this.#openedThere : this.#openedHere).get(frame.exchange)?.take(frame)
  }

  break(how: ExchangeEnd): void {
    for (const exchange of [...this.#openedHere.values(), ...this.#openedThere.values()])
      this.#guarded(() => exchange.over(how))
  }

  #begin({ exchange: id, head: opening, body }: Frame): void {
    const { kind, head } = opening as { readonly kind: string; readonly head: unknown }
    const exchange = new OpenExchange(this.#node, id, false, this.#openedThere, this.#send)
    const events = this.#accept({ head, body }, exchange, kind)
    if (events === undefined) exchange.cancel()
    else exchange.events = events
  }
}

const noEvents: ExchangeEvents = { onMessage() {}, onEnd() {} }

class OpenExchange implements Exchange {
  events = noEvents
  readonly node: string
  readonly #id: number
  readonly #isOwn: boolean
  readonly #among: Map<number, OpenExchange>
  readonly #send: (frame: Buffer) => void
  #untaken = 0
  #wasBehind = false
  #unconfirmed = 0

  constructor(
    node: string,
    id: number,
    isOwn: boolean,
    among: Map<number, OpenExchange>,
    send: (frame: Buffer) => void,
  ) {
    this.node = node
    this.#id = id
    this.#isOwn = isOwn
    this.#among = among
    this.#send = send
    among.set(id, this)
  }

  get isBehind(): boolean {
    this.#wasBehind ||= this.#untaken > windowBytes
    return this.#untaken > windowBytes
  }

  send(head: unknown, body: string | Buffer = ''): void {
    if (this.#isOpen) this.write(frameKinds.message, head, body)
  }

  end(head?: unknown, body: string | Buffer = ''): void {
    if (!this.#isOpen) return
    this.write(frameKinds.end, head, body)
    this.#among.delete(this.#id)
  }

  cancel(): void {
    if (!this.#isOpen) return
    this.#send(writeFrame(frameKinds.cancel, this.#isOwn, this.#id))
    this.#among.delete(this.#id)
  }

  took(bytes: number): void {
    this.#unconfirmed += bytes
    if (this.#unconfirmed < portionBytes || !this.#isOpen) return
    this.#send(writeFrame(frameKinds.took, this.#isOwn, this.#id, this.#unconfirmed))
    this.#unconfirmed = 0
  }

  write(kind: FrameKind, head: unknown, body: string | Buffer): void {
    const frame = writeFrame(kind, this.#isOwn, this.#id, head, body)
    this.#untaken += bodyBytes(frame)
    this.#send(frame)
  }

  take({ kind, head, body }: Frame): void {
    switch (kind) {
      case frameKinds.message:
        this.events.onMessage({ head, body })
        break
      case frameKinds.end:
        if (head !== undefined || body.length > 0) this.events.onMessage({ head, body })
        this.over('done')
        break
      case frameKinds.cancel:
        this.over('cancelled')
        break
      case frameKinds.took:
        this.#untaken -= Number(head)
        if (this.#wasBehind && this.#untaken <= windowBytes) {
          this.#wasBehind = false
          this.events.onDrain?.()
        }
    }
  }

  over(how: ExchangeEnd): void {
    if (this.#among.delete(this.#id)) this.events.onEnd(how)
  }

  get #isOpen(): boolean {
    return this.#among.get(this.#id) === this
  }
}
