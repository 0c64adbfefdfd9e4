import type { Exchange, ExchangeEvents, Message } from '../../processes/nodes.js'
import type { Peer, Reply } from './peer.js'
import { defaultContentType } from './terms.js'

/** The kind of these exchanges. */
export const requestKind = 'bosh'

export interface CarriedHead extends Pick<Peer, 'address' | 'secure' | 'cookies'> {
  /** The connection manager. All processes have the same. */
  readonly site: string
  /** A creation request, which `secureUrl` belongs to. */
  readonly isNew?: boolean
  readonly secureUrl?: string | undefined
}

/** A client at another process. */
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

  onMessage(): void {}

  onEnd(): void {
    this.gone = true
    this.whenGone?.()
  }
}

export function replyIn({ head, body }: Message): Reply {
  const { status, contentType, setCookie } = (head ?? {}) as Partial<Reply>
  return {
    status: status ?? 200,
    contentType: contentType ?? defaultContentType,
    body: body.toString(),
    ...(setCookie !== undefined && { setCookie }),
  }
}
