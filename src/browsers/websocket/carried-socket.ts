import type { WebSocketCut } from '../../lib/counts.js'
import type { Exchange, ExchangeEvents, Message } from '../../processes/nodes.js'
import type { Cut, Parting, Probe } from './carried-channel.js'
import { type ChannelEvents, closeCodes } from './channel.js'
import type { SocketChannel } from './socket-channel.js'

/** Shortest element, in bytes. */
const shortest = '<a/>'.length

export interface CarriedSocketParts {
  /** Begins the exchange with the other process. */
  readonly open: (events: ExchangeEvents) => Exchange
  /** Whether the client has had an answer on its stream. */
  readonly isAnswered: boolean
  /** Called when it is carried no more. */
  readonly onOver: () => void
}

/** A WebSocket of this process whose session is another one's: what comes over it is carried there, and back. */
export class CarriedSocket implements ChannelEvents {
  readonly #channel: SocketChannel
  readonly #parts: CarriedSocketParts
  readonly #exchange: Exchange
  #isAnswered: boolean
  /** Bytes that the client has yet to read. */
  #untaken = 0
  /** Whether the client is not read until the other process has taken more. */
  #isHeldBack = false
  #isOver = false

  constructor(channel: SocketChannel, parts: CarriedSocketParts) {
    this.#channel = channel
    this.#parts = parts
    this.#isAnswered = parts.isAnswered
    channel.events = this
    this.#exchange = parts.open({
      onMessage: message => this.#pass(message),
      onDrain: () => this.#readOn(),
      onEnd: () => this.drop(closeCodes.restart),
    })
  }

  onMessage(message: Buffer): void {
    this.#exchange.send(undefined, message)
    // What is no element ends the stream there: of that any number would have room in the window.
    if (this.#isHeldBack || (!this.#exchange.isBehind && message.length >= shortest)) return
    this.#isHeldBack = true
    this.#channel.pause()
  }

  onDrain(): void {
    this.#exchange.took(this.#untaken)
    this.#untaken = 0
  }

  onArrived(): void {
    this.#exchange.send({ how: 'arrived' } satisfies Probe, '')
  }

  onGone(cut: WebSocketCut | undefined): void {
    if (this.#isOver) return
    this.#over()
    this.#exchange.end(cut && ({ how: 'cut', cut } satisfies Cut))
  }

  /**
   * Lets go of the client, which is to come again: its session may go on. All clients take a close without `<close/>` for a
   * lost connection, whatever its code, but Strophe does not notice one before it has had an answer unless the connection
   * just breaks.
   */
  drop(code: number): void {
    if (this.#isOver) return
    this.#over()
    this.#channel.drop(this.#isAnswered ? code : undefined)
  }

  /** The same where this process is being stopped: the other one hears of it. */
  shutDown(): void {
    this.drop(closeCodes.goingAway)
    this.#exchange.end()
  }

  #pass({ head, body }: Message): void {
    if (head !== undefined) {
      const asked = head as Parting | Probe
      if (asked.how === 'probe') this.#channel.probe()
      else this.#part(asked as Parting)
      return
    }
    this.#isAnswered = true
    this.#channel.send(body)
    this.#untaken += body.length
    if (!this.#channel.isBehind) this.onDrain()
  }

  #part(parting: Parting): void {
    this.#over()
    if (parting.how === 'farewell') this.#channel.farewell()
    else this.#channel.end(parting.code, [], parting.seeOther)
  }

  #readOn(): void {
    if (!this.#isHeldBack) return
    this.#isHeldBack = false
    this.#channel.resume()
  }

  #over(): void {
    this.#isOver = true
    this.#parts.onOver()
  }
}
