import { clientOf } from '../lib/client-network.js'
import type { Clock, Timer } from '../lib/clock.js'
import { KeyCounts } from '../lib/key-counts.js'
import { nodeIn } from '../nodes/node-name.js'
import type { Exchange, ExchangeEnd, ExchangeEvents, Message, Nodes } from '../nodes/nodes.js'
import { readBodyHead } from './body.js'
import type { ConnectionManager } from './connection-manager.js'
import type { Peer, Reply } from './peer.js'
import { defaultContentType } from './terms.js'

/** The kinds of exchanges and questions. */
const requestKind = 'bosh'
const tooLargeKind = 'bosh-too-large'

/** What answers requests, here or in another process. */
export interface BoshService extends Pick<ConnectionManager, 'serve' | 'report'> {
  refuseTooLarge(
    head: string,
    peer: Pick<Peer, 'secure' | 'cookies'>,
  ): Reply | undefined | Promise<Reply | undefined>
}

/** What another process has to know of a client. */
interface CarriedHead extends Pick<Peer, 'address' | 'secure' | 'cookies'> {
  /** Which of the connection managers is asked; all processes have the same ones. */
  readonly site: string
  /** Whether it wants a session, and then where it may have to go for that. */
  readonly isNew?: boolean
  readonly secureUrl?: string | undefined
}

interface TooLarge extends Pick<Peer, 'secure' | 'cookies'> {
  readonly start: string
}

/** How often a request is sent again that may be lost, after how long, in milliseconds, and how long it may be, in UTF-16 units. */
const mostRepeats = 3
const repeatMilliseconds = 300
const longestRepeated = 4096

/** How much one client may have under way to other processes, in UTF-16 units; short requests are not counted. */
const mostUnderWay = 4 * 1024 * 1024
const tooMuch: Reply = { status: 503, body: '', contentType: defaultContentType }

/** Closes the connection unanswered: the client sends its request once more, and nothing of the session is lost. */
const noAnswer: Reply = { status: 0, body: '', contentType: '' }

export type CarriedRequests = ReturnType<typeof createCarriedRequests>

/** Carries requests to the processes that their sessions are in, and answers those that come from there. */
export function createCarriedRequests(nodes: Nodes, clock: Clock, isDraining: () => boolean) {
  const managers = new Map<string, ConnectionManager>()
  const underWay = new KeyCounts()
  const anyManager = (): ConnectionManager | undefined => managers.values().next().value

  nodes.meet(requestKind, ({ head, body }, exchange) => {
    const about = head as CarriedHead
    const peer = new CarriedPeer(about, exchange)
    // Any of them knows all sessions; which one it is matters for new ones, and while the settings of processes differ.
    const manager = managers.get(about.site) ?? (about.isNew === true ? undefined : anyManager())
    const text = body.toString()
    if (manager === undefined) exchange.cancel()
    // What is not for a session is not read any further: the process that it came to has not done so either.
    else if (about.isNew !== true && !manager.has(readBodyHead(text).sid)) manager.refuseUnknown(peer)
    else manager.serve(text, peer)
    return peer
  })
  nodes.answer(tooLargeKind, ({ start, ...client }: TooLarge) => anyManager()?.refuseTooLarge(start, client))

  /** The other process that a sid names, if it is there. */
  const otherOf = (sid: string | undefined): string | undefined => {
    const node = sid === undefined ? undefined : nodeIn(sid)
    return node !== undefined && nodes.has(node) ? node : undefined
  }
  /** One that takes new sessions where this one does not. */
  const successor = (): string | undefined => {
    const able = nodes.others.filter(other => !other.isDraining && !other.isSilent)
    return able[Math.floor(Math.random() * able.length)]?.name
  }

  return {
    /** The connection manager of a site, which all processes call by the same name; other processes' sessions included. */
    over(site: string, manager: ConnectionManager): BoshService {
      managers.set(site, manager)
      return {
        report: manager.report,
        serve(text, peer) {
          const { sid } = readBodyHead(text)
          const isNew = sid === undefined && isDraining()
          const node = isNew ? successor() : otherOf(sid)
          if (node === undefined) manager.serve(text, peer)
          else {
            const { address, secure, cookies } = peer
            const secureUrl = isNew ? peer.secureUrl : undefined
            const head: CarriedHead = { site, address, secure, cookies, secureUrl, ...(isNew && { isNew }) }
            new CarriedRequest({ nodes, clock, underWay, node, manager, peer, head }, text).send()
          }
        },
        refuseTooLarge(start, { secure, cookies }) {
          const node = otherOf(readBodyHead(start).sid)
          if (node === undefined) return manager.refuseTooLarge(start, { secure, cookies })
          const question: TooLarge = { start, secure, cookies }
          return nodes.ask(node, tooLargeKind, question).then(
            reply => reply as Reply | undefined,
            () => noAnswer,
          )
        },
      }
    },
  }
}

interface CarriedRequestParts {
  readonly nodes: Nodes
  readonly clock: Clock
  /** How much each client has under way. */
  readonly underWay: KeyCounts
  readonly node: string
  readonly manager: ConnectionManager
  readonly peer: Peer
  readonly head: CarriedHead
}

/** A request to this process that another one answers. */
class CarriedRequest implements ExchangeEvents {
  readonly #parts: CarriedRequestParts
  /** Undefined where it is sent once only. */
  #text: string | undefined
  #repeats = 0
  /** What is counted of it as under way. */
  #counted = 0
  #exchange: Exchange | undefined
  #timer: Timer | undefined

  constructor(parts: CarriedRequestParts, text: string) {
    this.#parts = parts
    this.#text = text
    parts.peer.whenGone = () => {
      this.#timer?.cancel()
      this.#exchange?.cancel()
      this.#over()
    }
  }

  send(): void {
    const { nodes, underWay, node, peer, head } = this.#parts
    const text = this.#text!
    if (text.length > longestRepeated) {
      const client = clientOf(head.address)
      if (underWay.of(client) + text.length > mostUnderWay) {
        peer.answer(tooMuch)
        return
      }
      underWay.add(client, text.length)
      this.#counted = text.length
    }
    // While it is held it keeps no more than this.
    if (head.isNew === true || text.length > longestRepeated) this.#text = undefined
    this.#exchange = nodes.open(node, requestKind, head, text, this)
  }

  #over(): void {
    if (this.#counted > 0) this.#parts.underWay.add(clientOf(this.#parts.head.address), -this.#counted)
    this.#counted = 0
  }

  onMessage(message: Message): void {
    this.#text = undefined
    this.#over()
    this.#parts.peer.answer(replyIn(message))
  }

  /** Where it may be lost it is sent again, as its client would: the session answers it once. What was answered stays so. */
  onEnd(how: ExchangeEnd): void {
    const { nodes, clock, manager, peer, head } = this.#parts
    this.#over()
    if (how === 'gone' && head.isNew !== true) manager.refuseUnknown(peer)
    else if (how !== 'broken' || this.#text === undefined || nodes.isClosed || this.#repeats === mostRepeats)
      peer.answer(noAnswer)
    else {
      this.#repeats += 1
      this.#timer = clock.after(repeatMilliseconds, () => this.send())
    }
  }
}

/** A client whose request has come to another process. */
class CarriedPeer implements Peer, ExchangeEvents {
  readonly address: string
  readonly secure: boolean
  readonly cookies: string | undefined
  readonly secureUrl: string | undefined
  readonly isCarried = true
  gone = false
  whenGone: (() => void) | undefined
  readonly #exchange: Exchange

  constructor({ address, secure, cookies, secureUrl }: CarriedHead, exchange: Exchange) {
    this.address = address
    this.secure = secure
    this.cookies = cookies
    this.secureUrl = secureUrl
    this.#exchange = exchange
  }

  answer({ status, body, contentType, setCookie }: Reply): void {
    const isUsual = status === 200 && contentType === defaultContentType && setCookie === undefined
    this.#exchange.end(isUsual ? undefined : { status, contentType, setCookie }, body)
  }

  /** Nothing follows a request. */
  onMessage(): void {}

  onEnd(): void {
    this.gone = true
    this.whenGone?.()
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
