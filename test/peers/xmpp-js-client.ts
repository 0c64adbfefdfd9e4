// xmpp.js as its users have it: logs in over WebSocket, sends presence, chats, comes back by itself when it is cut off.
import type { EventEmitter } from 'node:events'
import { client, xml } from '@xmpp/client'
import { WebSocket } from 'ws'
import { patience } from '../support/eventually.js'
import { NotingClient } from './noted.js'

/** As browsers have it, and Node from 22 on: each message is an event of its own, with all that follows from it. */
class OneByOne extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { allowSynchronousEvents: false })
  }
}
globalThis.WebSocket ??= OneByOne as unknown as typeof globalThis.WebSocket

interface XmlElement {
  readonly name: string
  getChildText(name: string): string | null
  toString(): string
}

/** What these tests use of the object that `client` of @xmpp/client returns. */
export interface XmppJs extends EventEmitter {
  readonly jid: { toString(): string } | null
  readonly reconnect: { stop(): void }
  readonly streamManagement: EventEmitter
  start(): Promise<unknown>
  stop(): Promise<unknown>
  send(stanza: unknown): Promise<void>
}

export class XmppJsClient extends NotingClient {
  readonly #xmpp: XmppJs

  constructor(xmpp: XmppJs) {
    super()
    this.#xmpp = xmpp
    // Without a listener, it would be thrown.
    xmpp.on('error', () => {})
    xmpp.streamManagement.on('resumed', () => this.events.note('resumed'))
    xmpp.on('stanza', (stanza: XmlElement) => {
      const body = stanza.name === 'message' ? stanza.getChildText('body') : null
      if (body !== null) this.heard.note(body)
    })
  }

  /** Rejects with what says why there is no session. */
  static async logIn(service: string, { jid, password }: { jid: string; password: string }): Promise<XmppJsClient> {
    const [username, domain] = jid.split('@')
    const xmpp = client({ service, domain, username, password, timeout: patience })
    const it = new XmppJsClient(xmpp as unknown as XmppJs)
    try {
      await it.#xmpp.start()
    } catch (error) {
      await it.leave()
      throw error
    }
    await it.#xmpp.send(xml('presence'))
    return it
  }

  async jid(): Promise<string> {
    return String(this.#xmpp.jid)
  }

  async say(to: string, text: string): Promise<void> {
    await this.#xmpp.send(xml('message', { to, type: 'chat' }, xml('body', {}, text)))
  }

  async leave(): Promise<void> {
    await this.#xmpp.stop()
    this.#xmpp.reconnect.stop()
  }
}
