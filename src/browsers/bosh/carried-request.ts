import { clientOf } from '../../lib/client-network.js'
import type { Clock, Timer } from '../../lib/clock.js'
import type { KeyCounts } from '../../lib/limits/key-counts.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import type { Exchange, ExchangeEnd, ExchangeEvents, Message, Nodes } from '../../processes/nodes.js'
import type { ConnectionManager } from './connection-manager.js'
import { busyAnswer, noAnswer, type Peer, type Reply } from './peer.js'
import { defaultContentType } from './terms.js'

export const requestKind = 'bosh'

export interface CarriedHead extends Pick<Peer, 'address' | 'secure' | 'cookies' | 'browser'> {
  /** See `siteName`. */
  readonly site: string
  readonly isNew?: boolean
  readonly secureUrl?: string | undefined
}

const mostRepeats = 3
const repeatMilliseconds = 300
const longestRepeated = 4096

/** In characters, for all long requests of a client together. */
const mostUnderWay = 4 * 1024 * 1024

interface CarriedRequestParts {
  readonly nodes: Nodes
  readonly clock: Clock
  readonly refused: OnRefused
  readonly underWay: KeyCounts
  readonly sent: Set<CarriedRequest>
  readonly isHurried: () => boolean
  /** Name of the process, from the sid. Undefined for a new session. */
  readonly name: string | undefined
  readonly manager: ConnectionManager
  readonly peer: Peer
  readonly head: CarriedHead
}

/** In the process that received a request: sends it to the process of the session. */
export class CarriedRequest implements ExchangeEvents {
  readonly #parts: CarriedRequestParts
  #text: string | undefined
  #node: string | undefined
  #repeats = 0
  #counted = 0
  #exchange: Exchange | undefined
  #timer: Timer | undefined
  #stopWaiting: (() => void) | undefined

  constructor(parts: CarriedRequestParts, text: string) {
    this.#parts = parts
    this.#text = text
    parts.peer.whenGone = () => {
      this.#timer?.cancel()
      this.#stopWaiting?.()
      this.#exchange?.cancel()
      this.#over()
    }
  }

  hurry(): void {
    this.#exchange?.send('now')
  }

  begin(node?: string): void {
    const { underWay, refused, peer, head } = this.#parts
    const text = this.#text!
    if (text.length > longestRepeated) {
      const client = clientOf(head.address)
      if (underWay.of(client) + text.length > mostUnderWay) {
        refused('carried', { address: client })
        peer.answer(busyAnswer)
        return
      }
      underWay.add(client, text.length)
      this.#counted = text.length
    }
    if (node === undefined) this.#findOwner()
    else this.#send(node)
  }

  #findOwner(): void {
    const { nodes, refused, name, manager, peer } = this.#parts
    const { length } = this.#text!
    if (length > longestRepeated && nodes.owner(name!) === undefined && nodes.isAwaited(name!)) {
      // Attackers could fill the queue with long texts.
      this.#over()
      peer.answer(noAnswer)
      return
    }
    this.#stopWaiting = nodes.whenOwned(name!, length, owner => {
      if (owner !== undefined) this.#send(owner)
      else {
        this.#over()
        const isFull = !nodes.isClosed && nodes.isAwaited(name!)
        if (isFull) refused('carried')
        if (isFull || nodes.isClosed) peer.answer(noAnswer)
        else manager.refuseUnknown(peer)
      }
    })
  }

  #send(node: string): void {
    const { nodes, manager, peer, head } = this.#parts
    const text = this.#text!
    if (node === nodes.self) {
      this.#over()
      peer.whenGone = undefined
      manager.serve(text, peer)
      return
    }
    this.#node = node
    if (head.isNew === true || text.length > longestRepeated) this.#text = undefined
    this.#exchange = nodes.open(node, requestKind, head, text, this)
    this.#parts.sent.add(this)
    if (this.#parts.isHurried()) this.hurry()
  }

  #over(): void {
    this.#parts.sent.delete(this)
    if (this.#counted > 0) this.#parts.underWay.add(clientOf(this.#parts.head.address), -this.#counted)
    this.#counted = 0
  }

  onMessage(message: Message): void {
    this.#text = undefined
    this.#over()
    this.#parts.peer.answer(replyIn(message))
  }

  /** May repeat the request, because a session processes a repeated request once. */
  onEnd(how: ExchangeEnd): void {
    const { nodes, clock, name, manager, peer } = this.#parts
    this.#over()
    const owner = name === undefined ? undefined : nodes.owner(name)
    const hasMoved = name !== undefined && owner !== this.#node && (owner !== undefined || nodes.isAwaited(name))
    if (how === 'gone' && name !== undefined && !hasMoved) manager.refuseUnknown(peer)
    else if (!hasMoved && how !== 'broken') peer.answer(noAnswer)
    else if (this.#text === undefined || nodes.isClosed || this.#repeats === mostRepeats) peer.answer(noAnswer)
    else {
      this.#repeats += 1
      if (hasMoved) this.#findOwner()
      else this.#timer = clock.after(repeatMilliseconds, () => this.#findOwner())
    }
  }
}

function replyIn({ head, body }: Message): Reply {
  const { status, contentType, setCookie } = (head ?? {}) as Partial<Reply>
  return {
    status: status ?? 200,
    contentType: contentType ?? defaultContentType,
    body: body.toString(),
    ...(setCookie !== undefined && { setCookie }),
  }
}

/** In the process of the session: represents a request that another process received. */
export class CarriedPeer implements Peer, ExchangeEvents {
  readonly address: string
  readonly secure: boolean
  readonly cookies: string | undefined
  readonly browser: string | undefined
  readonly secureUrl: string | undefined
  readonly isCarried = true
  gone = false
  whenGone: (() => void) | undefined
  whenHurried: (() => void) | undefined
  readonly #exchange: Exchange

  constructor({ address, secure, cookies, browser, secureUrl }: CarriedHead, exchange: Exchange) {
    this.address = address
    this.secure = secure
    this.cookies = cookies
    this.browser = browser
    this.secureUrl = secureUrl
    this.#exchange = exchange
  }

  answer({ status, body, contentType, setCookie }: Reply): void {
    const isUsual = status === 200 && contentType === defaultContentType && setCookie === undefined
    this.#exchange.end(isUsual ? undefined : { status, contentType, setCookie }, body)
  }

  onMessage(): void {
    this.whenHurried?.()
  }

  onEnd(): void {
    this.gone = true
    this.whenGone?.()
  }
}
