import type { Element } from '../../xmpp/xml/element.js'
import { type Channel, closeCodes } from './channel.js'
import type { StreamOpening } from './framing.js'
import { type StartParts, StreamStart } from './stream-start.js'
import { ThroughClient } from './through-client.js'

/** Time limit for `<open/>`, in seconds. */
const openSeconds = 10

/** For a client with its own login. */
export class ThroughStart extends StreamStart {
  #hasBegun = false

  constructor(channel: Channel, parts: StartParts, secureUrl: string | undefined, onOver: () => void) {
    super(channel, parts, secureUrl, openSeconds, onOver)
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
    const client = { address: this.channel.address, secure: this.channel.isSecure }
    const opened = await opener.openForClient(domain, { lang, from }, client, session => {
      // The session's events go to it from now on.
      const speaker = new ThroughClient(session, this.channel, clock, false)
      this.channel.events = speaker
      return speaker
    })
    this.over()
    const isShutdown = opened === 'system-shutdown'
    if (typeof opened === 'string') this.refuse(opened, isShutdown ? closeCodes.goingAway : undefined)
    else if (this.isGone) opened.session.end('client', 'untold')
    else opened.session.flush()
  }
}
