import type { WebSocketCut } from '../../lib/counts.js'
import type { Element } from '../../xmpp/xml/element.js'
import { readOpen } from './framing.js'
import { SocketClient } from './socket-client.js'

/** For a client with its own login. */
export class ThroughClient extends SocketClient {
  handOver(): undefined {
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

  /** The server keeps the stream for a resumption (XEP-0198 §5). */
  protected override gone(cut: WebSocketCut | undefined): void {
    if (cut !== undefined) this.session.end(cut, 'cut')
    else this.session.end('client', 'untold')
  }
}
