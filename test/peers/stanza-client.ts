// stanza as its users have it: logs in over BOSH, sends presence, chats.

import { type Agent, createClient } from 'stanza'
import { patience } from '../support/eventually.js'

export class StanzaClient {
  readonly #agent: Agent
  readonly #texts: string[] = []
  readonly #waiting = new Set<() => void>()

  private constructor(agent: Agent) {
    this.#agent = agent
    agent.on('message', ({ body }) => {
      if (body === undefined) return
      this.#texts.push(body)
      for (const look of this.#waiting) look()
    })
  }

  /** Rejects with the event that says why there is no session. */
  static async logIn(url: string, jid: string, password: string): Promise<StanzaClient> {
    const agent = createClient({
      jid,
      password,
      transports: { bosh: url, websocket: false },
      autoReconnect: false,
    })
    const client = new StanzaClient(agent)
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
    await started
    agent.sendPresence()
    return client
  }

  get jid(): string {
    return this.#agent.jid
  }

  async say(to: string, text: string): Promise<void> {
    this.#agent.sendMessage({ to, type: 'chat', body: text })
  }

  receives(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        clearTimeout(late)
        this.#waiting.delete(look)
        if (error === undefined) resolve()
        else reject(error)
      }
      const look = () => {
        if (this.#texts.includes(text)) settle()
      }
      const late = setTimeout(
        () => settle(new Error(`no "${text}", but ${JSON.stringify(this.#texts)}`)),
        patience,
      )
      this.#waiting.add(look)
      look()
    })
  }

  /** Resolves once the service has said that the session is over. */
  async leave(): Promise<void> {
    const told = new Promise<void>(resolve => this.#agent.once('bosh:terminate', () => resolve()))
    this.#agent.disconnect()
    await told
  }
}
