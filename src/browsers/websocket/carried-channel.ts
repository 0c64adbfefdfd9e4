import type { WebSocketCut } from '../../lib/counts.js'
import type { Exchange, ExchangeEvents, Message } from '../../processes/nodes.js'
import { type Channel, type ChannelEvents, closeCodes } from './channel.js'

/** How the process of the session parts from a client: the last head of the exchange. */
export type Parting =
  | { readonly how: 'end'; readonly code: number; readonly seeOther?: string | undefined }
  | { readonly how: 'farewell' }

/** The question whether everything sent before has arrived at the client, and the answer that it has. */
export interface Probe {
  readonly how: 'probe' | 'arrived'
}

/** The last message of the process that has the WebSocket: why the WebSocket ended. */
export interface Cut {
  readonly how: 'cut'
  readonly cut: WebSocketCut
}

/** A channel whose WebSocket is at another process, which carries messages in an exchange (carried-socket.ts). */
export class CarriedChannel implements Channel, ExchangeEvents {
  events!: ChannelEvents
  readonly address: string
  readonly isSecure: boolean
  readonly isProbed: boolean
  readonly #exchange: Exchange
  /** Hears of what was not foreseen while a client was heard; its channel has been closed. */
  readonly #report: (error: unknown) => void
  #isPaused = false
  /** How many bytes came while it was paused: the other process carries no more than its window has room for. */
  #untaken = 0
  #isLeaving = false
  /** Why there are no more messages, unless the other process gives the reason. */
  #cause: WebSocketCut = 'process-lost'
  #isGone = false

  constructor(
    exchange: Exchange,
    client: Pick<Channel, 'address' | 'isSecure'> & Partial<Pick<Channel, 'isProbed'>>,
    report: (error: unknown) => void,
  ) {
    this.address = client.address
    this.isSecure = client.isSecure
    // A process of an older version does not send this field, and does not support probes.
    this.isProbed = client.isProbed === true
    this.#exchange = exchange
    this.#report = report
  }

  get isOpen(): boolean {
    return !this.#isLeaving && !this.#isGone
  }

  get isBehind(): boolean {
    return this.#exchange.isBehind
  }

  send(message: string): void {
    if (this.isOpen) this.#exchange.send(undefined, message)
  }

  probe(): void {
    if (this.isOpen && this.isProbed) this.#exchange.send({ how: 'probe' } satisfies Probe, '')
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    if (this.#untaken > 0) this.#exchange.took(this.#untaken)
    this.#untaken = 0
  }

  end(code: number = closeCodes.normal, lastWords: readonly string[] = [], seeOther?: string): void {
    for (const message of lastWords) this.send(message)
    this.#leave({ how: 'end', code, seeOther })
  }

  farewell(): void {
    this.#leave({ how: 'farewell' })
  }

  onMessage({ head, body }: Message): void {
    if (!this.isOpen) return
    if (head !== undefined) {
      const told = head as Probe | Cut
      if (told.how === 'cut') this.#cause = told.cut
      else this.#guard(() => this.events.onArrived())
      return
    }
    this.#untaken += body.length
    this.#guard(() => this.events.onMessage(body))
    if (!this.#isPaused) this.resume()
  }

  onDrain(): void {
    if (this.isOpen) this.#guard(() => this.events.onDrain())
  }

  /** The client has left there, or the process or the way to it is gone: it is all one to the session. */
  onEnd(): void {
    this.#guard(() => this.#gone())
  }

  #leave(parting: Parting): void {
    if (!this.isOpen) return
    this.#isLeaving = true
    this.#exchange.end(parting)
    // The other process sees to it that the client goes.
    queueMicrotask(() => this.#guard(() => this.#gone()))
  }

  #gone(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.events.onGone(this.#isLeaving ? undefined : this.#cause)
  }

  /** Runs what nothing above would catch. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#report(error)
      this.#exchange.cancel()
      if (!this.#isGone) this.#guard(() => this.#gone())
    }
  }
}
