import type { WebSocketCut } from '../../lib/counts.js'
import type { Exchange, ExchangeEvents, Message } from '../../processes/nodes.js'
import type { SocketCommand, SocketEvent } from './carried-channel.js'
import { type ChannelEvents, closeCodes } from './channel.js'
import type { SocketChannel } from './socket-channel.js'

const shortest = '<a/>'.length

interface CarriedSocketParts {
  readonly open: (events: ExchangeEvents) => Exchange
  readonly isAnswered: boolean
  readonly onOver: () => void
}

/** In the process that accepted a WebSocket: connects it to the process of the session. */
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
    // Messages below `shortest` always pause the channel, because the byte limit would allow too many of them.
    if (this.#isHeldBack || (!this.#exchange.isBehind && message.length >= shortest)) return
    this.#isHeldBack = true
    this.#channel.pause()
  }

  onDrain(): void {
    this.#exchange.took(this.#untaken)
    this.#untaken = 0
  }

  onArrived(): void {
    this.#exchange.send({ how: 'arrived' } satisfies SocketEvent, '')
  }

  onGone(cut: WebSocketCut | undefined): void {
    if (this.#isOver) return
    this.#over()
    this.#exchange.end(cut && ({ how: 'cut', cut } satisfies SocketEvent))
  }

  /** Before the first answer, Strophe ignores a close with a code, so `code` is omitted. */
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
      const command = head as SocketCommand
      if (command.how === 'probe') this.#channel.probe()
      else this.#end(command)
      return
    }
    this.#isAnswered = true
    this.#channel.send(body)
    this.#untaken += body.length
    if (!this.#channel.isBehind) this.onDrain()
  }

  #end(ending: Exclude<SocketCommand, { how: 'probe' }>): void {
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
