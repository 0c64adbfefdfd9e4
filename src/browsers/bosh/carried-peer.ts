// A request that is carried from one process to another, as it is written and read on its way.
import type { Exchange, ExchangeEvents, Message } from '../../processes/nodes.js'
import type { Peer, Reply } from './peer.js'
import { defaultContentType } from './terms.js'

/** What exchanges are called that carry a request. */
export const requestKind = 'bosh'

/** What another process has to know of a client. */
export interface CarriedHead extends Pick<Peer, 'address' | 'secure' | 'cookies'> {
  /** Which of the connection managers is asked; all processes have the same ones. */
  readonly site: string
  /** Whether it wants a session, and then where it may have to go for that. */
  readonly isNew?: boolean
  readonly secureUrl?: string | undefined
}

/** A client whose request has come to another process. */
export class CarriedPeer implements Peer, ExchangeEvents {
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

/** The reply in what a `CarriedPeer` has answered. */
export function replyIn({ head, body }: Message): Reply {
  const { status, contentType, setCookie } = (head ?? {}) as Partial<Reply>
  return {
    status: status ?? 200,
    contentType: contentType ?? defaultContentType,
    body: body.toString(),
    ...(setCookie !== undefined && { setCookie }),
  }
}
