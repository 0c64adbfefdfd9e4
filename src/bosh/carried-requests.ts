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
  /** For those that want a session. */
  readonly secureUrl?: string | undefined
}

interface TooLarge extends Pick<Peer, 'secure' | 'cookies'> {
  readonly site: string
  readonly start: string
}

/** Closes the connection unanswered: the client sends its request once more, and nothing of the session is lost. */
const noAnswer: Reply = { status: 0, body: '', contentType: '' }

export type CarriedRequests = ReturnType<typeof createCarriedRequests>

/** Carries requests to the processes that their sessions are in, and answers those that come from there. */
export function createCarriedRequests(nodes: Nodes, isDraining: () => boolean) {
  const managers = new Map<string, ConnectionManager>()

  nodes.meet(requestKind, ({ head, body }, exchange) => {
    const about = head as CarriedHead
    const peer = new CarriedPeer(about, exchange)
    const manager = managers.get(about.site)
    if (manager === undefined) exchange.cancel()
    else manager.serve(body.toString(), peer)
    return peer
  })
  nodes.answer(tooLargeKind, ({ site, start, ...client }: TooLarge) =>
    managers.get(site)?.refuseTooLarge(start, client),
  )

  /** The other process that a sid names, if it is there. */
  const otherOf = (sid: string | undefined): string | undefined => {
    const node = sid === undefined ? undefined : nodeIn(sid)
    return node !== undefined && nodes.has(node) ? node : undefined
  }
  /** One that takes new sessions where this one does not. */
  const successor = (): string | undefined =>
    nodes.others.find(other => !other.isDraining && !other.isSilent)?.name

  // A request that is held must not keep its text.
  const eventsFor = (peer: Peer, manager: ConnectionManager, isNew: boolean): ExchangeEvents => ({
    onMessage: message => peer.answer(replyIn(message)),
    // What has come before counts.
    onEnd(how: ExchangeEnd) {
      if (how === 'gone' && !isNew) manager.refuseUnknown(peer)
      else peer.answer(noAnswer)
    },
  })

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
            const head: CarriedHead = { site, address, secure, cookies, secureUrl }
            const exchange = nodes.open(node, requestKind, head, text, eventsFor(peer, manager, isNew))
            peer.whenGone = () => exchange.cancel()
          }
        },
        refuseTooLarge(start, { secure, cookies }) {
          const node = otherOf(readBodyHead(start).sid)
          if (node === undefined) return manager.refuseTooLarge(start, { secure, cookies })
          const question: TooLarge = { site, start, secure, cookies }
          return nodes.ask(node, tooLargeKind, question).then(
            reply => reply as Reply | undefined,
            () => noAnswer,
          )
        },
      }
    },
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
