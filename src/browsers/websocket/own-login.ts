import type { WebSocketCut } from '../../lib/counts.js'
import type { Element } from '../../xmpp/xml/element.js'
import { readOpen, type StreamOpening } from './framing.js'
import { closeCodes, type SocketChannel } from './socket-channel.js'
import { SocketClient } from './socket-client.js'
import { type StartParts, StreamStart } from './stream-start.js'

const openSeconds = 10

export class OwnLoginStart extends StreamStart {
  #hasBegun = false

  constructor(channel: SocketChannel, parts: StartParts) {
    super(channel, parts, openSeconds)
  }

  protected override take(element: Element): void {
    if (this.#hasBegun) return
    const opened = this.opening(element)
    if (opened === undefined) return
    this.#hasBegun = true
    this.channel.pause()
    this.#open(opened.domain, opened.opening).catch(error => {
      this.parts.opener.report(error, 'websocket')
      this.refuse('internal-server-error')
    })
  }

  async #open(domain: string | undefined, { lang = 'en', from }: StreamOpening): Promise<void> {
    const { opener, clock } = this.parts
    const { address, isSecure: secure, browser } = this.channel
    const opened = await opener.openForClient(domain, { lang, from }, { address, secure, browser }, session => {
      const client = new OwnLoginClient(session, this.channel, clock, false)
      this.channel.events = client
      return client
    })
    this.over()
    if (opened === 'system-shutdown') this.refuse(opened, closeCodes.goingAway)
    else if (typeof opened === 'string') this.refuse(opened)
    else if (this.isGone) opened.session.end('client', 'silent')
    else opened.session.run(() => opened.session.flush())
  }
}

class OwnLoginClient extends SocketClient {
  handOver(): undefined {
    return undefined
  }

  stopDeliveries(): boolean {
    return false
  }

  setDown(): undefined {
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

  /** After a cut, the server keeps the stream for a resumption (XEP-0198 §5). */
  protected override gone(cut: WebSocketCut | undefined): void {
    if (cut !== undefined) this.session.end(cut, 'resumable')
    else this.session.end('client', 'silent')
  }
}
