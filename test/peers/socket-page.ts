// What the test does with a portal's page whose client comes over WebSocket, and what it sees of it.

import type { Page } from 'playwright-core'
import { patience } from '../support/eventually.js'
import type { SocketChat, SocketNoted } from '../support/page-websocket.js'
import { untilIn } from './noted-page.js'

declare const window: { noted: SocketNoted; portal: SocketChat }

export class SocketPage {
  private constructor(
    readonly tab: Page,
    readonly address: string,
  ) {}

  /** Opens the page with this client; its scripts begin by themselves. */
  static async open(tab: Page, portal: string, name: 'strophe' | 'converse' | 'xmpp-js'): Promise<SocketPage> {
    const page = new SocketPage(tab, `${portal}/portal/websocket/${name}`)
    await page.load()
    return page
  }

  async away(): Promise<void> {
    await this.tab.goto('about:blank')
  }

  async load(): Promise<void> {
    await this.tab.goto(this.address, { timeout: patience })
  }

  jid(): Promise<string> {
    return this.tab.evaluate(() => window.portal.jid())
  }

  async say(to: string, text: string): Promise<void> {
    await this.tab.evaluate(([jid, said]) => window.portal.say(jid, said), [to, text] as const)
  }

  async leave(): Promise<void> {
    await this.tab.evaluate(() => window.portal.leave())
  }

  /** Texts of all messages that came since the page was loaded. */
  texts(): Promise<readonly string[]> {
    return this.tab.evaluate(() => window.noted.texts)
  }

  events(): Promise<readonly string[]> {
    return this.tab.evaluate(() => window.noted.events)
  }

  receives(text: string, milliseconds?: number): Promise<void> {
    return untilIn(this.tab, wanted => window.noted.texts.includes(wanted), text, milliseconds)
  }

  resumes(milliseconds: number): Promise<void> {
    return untilIn(this.tab, wanted => window.noted.events.includes(wanted), 'resumed', milliseconds)
  }
}
