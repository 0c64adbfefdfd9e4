// A user who keeps a poll open, and looks at every reply as a browser's XML parser would.

import { SaxesParser } from 'saxes'
import { attribute, BoshClient } from '../support/bosh-client.js'
import { patience } from '../support/eventually.js'
import type { WarmBinding } from '../support/start-service.js'
import { presence } from './user.js'

export class Victim {
  /** What was wrong with replies. */
  readonly faults: string[] = []
  /** How many stanzas came. */
  stanzas = 0
  /** Whether the session is over. */
  isOver = false
  readonly #client: BoshClient
  readonly #polling: Promise<void>
  readonly #recent: string[] = []
  #wake: () => void = () => {}

  private constructor(
    client: BoshClient,
    readonly jid: string,
  ) {
    this.#client = client
    this.#polling = this.#poll()
  }

  /** Attaches to a session and shows that it is there. */
  static attach(url: string, binding: Pick<WarmBinding, 'jid' | 'sid' | 'rid'>): Victim {
    return new Victim(new BoshClient(url, binding), binding.jid)
  }

  /** The last replies, oldest first. */
  get recent(): readonly string[] {
    return this.#recent
  }

  /** Resolves once a reply holds the text. Rejects where the session ends before, or nothing comes. */
  async receives(text: string): Promise<void> {
    const deadline = performance.now() + patience
    while (!this.#recent.some(body => body.includes(text))) {
      if (this.isOver) throw new Error(`no ${text}: ${this.faults.join('\n')}`)
      if (performance.now() > deadline) throw new Error(`no ${text} within ${patience} ms`)
      await new Promise<void>(resolve => {
        const late = setTimeout(resolve, deadline - performance.now() + 1)
        this.#wake = () => {
          clearTimeout(late)
          resolve()
        }
      })
    }
  }

  async leave(): Promise<void> {
    if (!this.isOver) {
      this.isOver = true
      await this.#client.terminate().catch(() => {})
    }
    await this.#polling
    this.#client.close()
  }

  async #poll(): Promise<void> {
    let words = presence
    while (!this.isOver) {
      try {
        this.#take(await this.#client.request(words))
      } catch (error) {
        this.isOver = true
        this.faults.push(String(error))
      }
      words = ''
      this.#wake()
    }
  }

  #take(body: string): void {
    this.#recent.push(body)
    if (this.#recent.length > 50) this.#recent.shift()
    if (!this.isOver && attribute(body, 'type') !== undefined) {
      this.isOver = true
      this.faults.push(`the session is over: ${body.slice(0, 300)}`)
      return
    }
    for (const fault of faultsOf(body)) this.faults.push(`${fault}: ${body.slice(0, 300)}`)
    this.stanzas += childrenOf(body).length
  }
}

/** What a reply has that no browser is to get. */
function faultsOf(body: string): string[] {
  try {
    return childrenOf(body)
      .filter(child => !/^\{jabber:client\}(?:message|presence|iq)$/.test(child))
      .map(child => `not a stanza: ${child}`)
  } catch (error) {
    return [(error as Error).message]
  }
}

/** The names of the children, with their namespaces. Throws where the text is not XML with namespaces. */
function childrenOf(body: string): string[] {
  const parser = new SaxesParser({ xmlns: true })
  const children: string[] = []
  let depth = 0
  parser.on('error', error => {
    throw error
  })
  parser.on('opentag', ({ uri, local }) => {
    if (depth++ === 1) children.push(`{${uri}}${local}`)
  })
  parser.on('closetag', () => {
    depth -= 1
  })
  parser.write(body).close()
  return children
}
