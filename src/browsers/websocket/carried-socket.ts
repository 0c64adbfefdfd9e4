import type { WebSocketCut } from '../../lib/counts.js'
import type { Exchange, ExchangeEvents, Message } from '../../processes/nodes.js'
import type { Asked, Ending, Told } from './carried-channel.js'
import { type ChannelEvents, closeCodes } from './channel.js'
import type { SocketChannel } from './socket-channel.js'

const shortest = '<a/>'.length

export interface CarriedSocketParts {
  readonly open: (events: ExchangeEvents) => Exchange
  readonly isAnswered: boolean
  readonly onOver: () => void
}

export class CarriedSocket implements ChannelEvents {
  readonly #channel: SocketChannel
  readonly #parts: CarriedSocketParts
  readonly #exchange: Exchange
  #isAnswered: boolean
  #untaken = 0
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
    // Shorter messages are invalid. The limit in bytes would allow too many, so each pauses the channel.
    if (this.#isHeldBack || (!this.#exchange.isBehind && message.length >= shortest)) return
    this.#isHeldBack = true
    this.#channel.pause()
  }

  onDrain(): void {
    this.#exchange.took(this.#untaken)
    this.#untaken = 0
  }

  onArrived(): void {
    this.#exchange.send({ how: 'arrived' } satisfies Told, '')
  }

  onGone(cut: WebSocketCut | undefined): void {
    if (this.#isOver) return
    this.#over()
    this.#exchange.end(cut && ({ how: 'cut', cut } satisfies Told))
  }

  /** Before the first answer, Strophe ignores a close frame. */
  drop(code: number): void {
    if (this.#isOver) return
    this.#over()
    this.#channel.drop(this.#isAnswered ? code : undefined)
  }

  shutDown(): void {
    this.drop(closeCodes.goingAway)
    this.#exchange.end()
  }

  #pass({ head, body }: Message): void {
    if (head !== undefined) {
      const asked = head as Asked
      if (asked.how === 'probe') this.#channel.probe()
      else this.#end(asked)
      return
    }
    this.#isAnswered = true
    this.#channel.send(body)
    this.#untaken += body.length
    if (!this.#channel.isBehind) this.onDrain()
  }

  #end(ending: Ending): void {
    this.#over()
    if (ending.how === 'farewell') this.#channel.answerClose()
    else this.#channel.end(ending.code, [], ending.seeOther)
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
