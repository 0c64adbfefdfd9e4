import type { Session } from '../../session/session.js'
import type { Element } from '../../xmpp/xml/element.js'
import type { StreamOpening } from './framing.js'
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
    const begin = (session: Session) => new SocketClient(session, this.channel, clock, false)
    const opened = await opener.openForClient(domain, { lang, from }, this.channel.client, begin)
    this.over()
    if (opened === 'system-shutdown') this.refuse(opened, closeCodes.goingAway)
    else if (typeof opened === 'string') this.refuse(opened)
    else if (this.isGone) opened.session.end('client', 'silent')
    else opened.session.run(() => opened.session.flush())
  }
}
