import type { WebSocketCut } from '../../lib/counts.js'
import type { Element } from '../../xmpp/xml/element.js'
import { readOpen } from './framing.js'
import { SocketClient } from './socket-client.js'

/** A client that logs in by itself: all that it says is passed through, and what its server says to it. */
export class ThroughClient extends SocketClient {
  /** It holds its own stream with its server, which no other page could go on with. */
  release(): undefined {
    return undefined
  }

  protected override take(element: Element): void {
    this.pass(element)
  }

  protected override takeOpen(element: Element): void {
    const opening = readOpen(element)
    const isRestart = opening !== undefined && this.session.restart(opening.to, opening)
    if (!isRestart) this.refuse(opening === undefined ? 'bad-format' : 'policy-violation')
  }

  /** Without a word of the client its server keeps the stream, as far as it can, for the client to resume (XEP-0198 §5). */
  protected override gone(cut: WebSocketCut | undefined): void {
    if (cut !== undefined) this.session.cut(cut)
    else this.session.abandon('client')
  }
}
