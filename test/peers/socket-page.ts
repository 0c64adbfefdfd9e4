// What the test does with a portal's page whose client comes over WebSocket, and what it sees of it.

import type { Page } from 'playwright-core'
import { patience } from '../support/eventually.js'
import type { SocketChat, SocketNoted } from '../support/page-websocket.js'

declare const window: { noted: SocketNoted; portal: SocketChat }

export class SocketPage {
  readonly #tab: Page
  readonly #address: string

  private constructor(tab: Page, address: string) {
    this.#tab = tab
    this.#address = address
  }

  /** Opens the page with this client; its scripts begin by themselves. */
  static async open(tab: Page, portal: string, name: 'strophe' | 'converse' | 'xmpp-js'): Promise<SocketPage> {
    const page = new SocketPage(tab, `${portal}/portal/websocket/${name}`)
    await page.load()
    return page
  }

  /** Leaves the portal for an empty page in the same tab. */
  async away(): Promise<void> {
    await this.#tab.goto('about:blank')
  }

  /** Loads the page, or loads it again in the same tab. */
  async load(): Promise<void> {
    await this.#tab.goto(this.#address, { timeout: patience })
  }

  jid(): Promise<string> {
    return this.#tab.evaluate(() => window.portal.jid())
  }

  async say(to: string, text: string): Promise<void> {
    await this.#tab.evaluate(([jid, said]) => window.portal.say(jid, said), [to, text] as const)
  }

  async leave(): Promise<void> {
    await this.#tab.evaluate(() => window.portal.leave())
  }

  /** Texts of all messages that came since the page was loaded. */
  texts(): Promise<readonly string[]> {
    return this.#tab.evaluate(() => window.noted.texts)
  }

  /** What became of the connection. */
  events(): Promise<readonly string[]> {
    return this.#tab.evaluate(() => window.noted.events)
  }

  async receives(text: string, milliseconds = patience): Promise<void> {
    await this.#until('texts', text, milliseconds)
  }

  /** Resolves once this became of the connection. */
  async notes(event: string, milliseconds = patience): Promise<void> {
    await this.#until('events', event, milliseconds)
  }

  async #until(what: keyof SocketNoted, wanted: string, timeout: number): Promise<void> {
    try {
      await this.#tab.waitForFunction(([list, text]) => window.noted[list].includes(text), [what, wanted] as const, {
        timeout,
        polling: 20,
      })
    } catch (error) {
      const noted = await this.#tab.evaluate(() => window.noted)
      throw new Error(`no "${wanted}", but ${JSON.stringify(noted)}`, { cause: error })
    }
  }
}
