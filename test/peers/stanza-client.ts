// stanza as its users have it: logs in over BOSH or WebSocket, sends presence, chats.

import { type Agent, createClient } from 'stanza'
import { NotingClient } from './noted.js'

export class StanzaClient extends NotingClient {
  readonly #agent: Agent
  readonly #isOverBosh: boolean

  constructor(agent: Agent, isOverBosh = false) {
    super()
    this.#agent = agent
    this.#isOverBosh = isOverBosh
    agent.on('message', ({ body }) => {
      if (body !== undefined) this.heard.note(body)
    })
    agent.on('session:started', () => this.events.note('started'))
    agent.on('stream:management:resumed', () => this.events.note('resumed'))
  }

  static async logIn(url: string, account: { jid: string; password: string }): Promise<StanzaClient> {
    const isOverBosh = url.startsWith('http')
    const agent = createClient({
      ...account,
      transports: isOverBosh ? { bosh: url, websocket: false } : { bosh: false, websocket: url },
      autoReconnect: false,
    })
    const client = new StanzaClient(agent, isOverBosh)
    agent.connect()
    await client.events.has('started').catch(error => {
      agent.disconnect()
      throw error
    })
    agent.sendPresence()
    return client
  }

  async jid(): Promise<string> {
    return this.#agent.jid
  }

  async say(to: string, text: string): Promise<void> {
    this.#agent.sendMessage({ to, type: 'chat', body: text })
  }

  /** Resolves once the service has said that the session is over. */
  async leave(): Promise<void> {
    const event = this.#isOverBosh ? 'bosh:terminate' : 'disconnected'
    const told = new Promise<void>(resolve => this.#agent.once(event, () => resolve()))
    this.#agent.disconnect()
    await told
  }
}
