// stanza as its users have it: logs in over BOSH or WebSocket, sends presence, chats.

import { type Agent, createClient } from 'stanza'
import { patience } from '../support/eventually.js'
import { Noted } from './noted.js'

export class StanzaClient {
  readonly texts = new Noted()
  /** What became of its stream: `started`, `resumed`, `disconnected`, `lost`. */
  readonly events = new Noted()
  readonly #agent: Agent
  readonly #isOverBosh: boolean

  constructor(agent: Agent, isOverBosh = false) {
    this.#agent = agent
    this.#isOverBosh = isOverBosh
    agent.on('message', ({ body }) => {
      if (body !== undefined) this.texts.note(body)
    })
    agent.on('session:started', () => this.events.note('started'))
    agent.on('stream:management:resumed', () => this.events.note('resumed'))
    agent.on('disconnected', () => this.events.note('disconnected'))
    agent.on('stanza:failed', () => this.events.note('lost'))
  }

  /** Rejects with the event that says why there is no session. */
  static async logIn(url: string, jid: string, password: string): Promise<StanzaClient> {
    const isOverBosh = url.startsWith('http')
    const agent = createClient({
      jid,
      password,
      transports: isOverBosh ? { bosh: url, websocket: false } : { bosh: false, websocket: url },
      autoReconnect: !isOverBosh,
    })
    const client = new StanzaClient(agent, isOverBosh)
    const started = new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no session within ${patience} ms`)), patience)
      agent.once('session:started', () => {
        clearTimeout(late)
        resolve()
      })
      for (const failure of ['auth:failed', 'disconnected'] as const) {
        agent.once(failure, () => {
          clearTimeout(late)
          reject(new Error(failure))
        })
      }
    })
    agent.connect()
    try {
      await started
    } catch (error) {
      agent.disconnect()
      throw error
    }
    agent.sendPresence()
    return client
  }

  get jid(): string {
    return this.#agent.jid
  }

  async say(to: string, text: string): Promise<void> {
    this.#agent.sendMessage({ to, type: 'chat', body: text })
  }

  receives(text: string, milliseconds?: number): Promise<void> {
    return this.texts.has(text, milliseconds)
  }

  /** Resolves once the service has said that the session is over. */
  async leave(): Promise<void> {
    const event = this.#isOverBosh ? 'bosh:terminate' : 'disconnected'
    const told = new Promise<void>(resolve => this.#agent.once(event, () => resolve()))
    this.#agent.disconnect()
    await told
  }
}
