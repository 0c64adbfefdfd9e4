import type { WebSocketCut } from '../../lib/counts.js'
import type { Exchange, ExchangeEvents, Message } from '../../processes/nodes.js'
import { type Channel, type ChannelEvents, closeCodes } from './channel.js'

type Ending =
  | { readonly how: 'end'; readonly code: number; readonly seeOther?: string | undefined }
  | { readonly how: 'farewell' }

/** Sent to the process of the WebSocket. */
export type SocketCommand = Ending | { readonly how: 'probe' }

/** Sent by the process of the WebSocket. */
export type SocketEvent = { readonly how: 'arrived' } | { readonly how: 'cut'; readonly cut: WebSocketCut }

/** In the process of the session: represents a WebSocket that is connected to another process. */
export class CarriedChannel implements Channel, ExchangeEvents {
  events!: ChannelEvents
  readonly address: string
  readonly browser: string | undefined
  readonly isSecure: boolean
  readonly isProbed: boolean
  readonly #exchange: Exchange
  readonly #report: (error: unknown) => void
  #isPaused = false
  #untaken = 0
  /** `leaving`: this side has ended the exchange. `gone`: `onGone` was called. */
  #state: 'open' | 'leaving' | 'gone' = 'open'
  #cause: WebSocketCut = 'process-lost'

  constructor(
    exchange: Exchange,
    client: Pick<Channel, 'address' | 'browser' | 'isSecure'> & Partial<Pick<Channel, 'isProbed'>>,
    report: (error: unknown) => void,
  ) {
    this.address = client.address
    this.browser = client.browser
    this.isSecure = client.isSecure
    // Processes of older versions omit `isProbed`.
    this.isProbed = client.isProbed === true
    this.#exchange = exchange
    this.#report = report
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get isBehind(): boolean {
    return this.#exchange.isBehind
  }

  send(message: string): void {
    if (this.isOpen) this.#exchange.send(undefined, message)
  }

  probe(): void {
    if (this.isOpen && this.isProbed) this.#exchange.send({ how: 'probe' } satisfies SocketCommand, '')
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
    this.#closeWith({ how: 'end', code, seeOther })
  }

  answerClose(): void {
    this.#closeWith({ how: 'farewell' })
  }

  drop(): void {
    if (!this.isOpen) return
    this.#exchange.cancel()
    this.#guard(() => this.#gone())
  }

  onMessage({ head, body }: Message): void {
    if (!this.isOpen) return
    if (head !== undefined) {
      const event = head as SocketEvent
      if (event.how === 'cut') this.#cause = event.cut
      else this.#guard(() => this.events.onArrived?.())
      return
    }
    this.#untaken += body.length
    this.#guard(() => this.events.onMessage(body))
    if (!this.#isPaused) this.resume()
  }

  onDrain(): void {
    if (this.isOpen) this.#guard(() => this.events.onDrain?.())
  }

  onEnd(): void {
    this.#guard(() => this.#gone())
  }

  #closeWith(ending: Ending): void {
    if (!this.isOpen) return
    this.#state = 'leaving'
    this.#exchange.end(ending)
    queueMicrotask(() => this.#guard(() => this.#gone()))
  }

  #gone(): void {
    if (this.#state === 'gone') return
    const cut = this.#state === 'open' ? this.#cause : undefined
    this.#state = 'gone'
    this.events.onGone(cut)
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#report(error)
      this.#exchange.cancel()
      if (this.#state !== 'gone') this.#guard(() => this.#gone())
    }
  }
}
