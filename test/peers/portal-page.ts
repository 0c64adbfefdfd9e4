// What the test does with the portal's page, and what it sees of it. Every wait has a deadline of its own.

import type { Page } from 'playwright-core'
import { patience as timeout } from '../support/eventually.js'
import type { Chat, Noted } from '../support/page.js'
import { complaintsOf, type PageVisitor, untilIn } from './noted-page.js'
import { textsIn } from './user.js'

declare const window: { noted: Noted; chat: Chat }

export class PortalPage implements PageVisitor {
  /** What went wrong in the page: errors of scripts, and whatever the console calls one. */
  readonly complaints: readonly string[]
  /** Questions whether another origin's request would be welcome. */
  preflights = 0

  private constructor(
    readonly tab: Page,
    readonly address: string,
    readonly endpoint: string,
  ) {
    this.complaints = complaintsOf(tab)
  }

  /** Opens the portal at one address; its BOSH endpoint is the service's. */
  static async open(tab: Page, portal: string, service: string): Promise<PortalPage> {
    const page = new PortalPage(tab, `${portal}/portal`, `${service}/http-bind`)
    const network = await tab.context().newCDPSession(tab)
    network.on('Network.requestWillBeSent', ({ request }) => {
      if (request.method === 'OPTIONS') page.preflights += 1
    })
    await network.send('Network.enable')
    await page.back()
    return page
  }

  async away(): Promise<void> {
    await this.tab.goto('about:blank')
  }

  async back(): Promise<void> {
    await this.tab.goto(this.address, { timeout })
  }

  async begin(binding: Parameters<Chat['begin']>[0]): Promise<void> {
    await this.tab.evaluate(([given, endpoint]) => window.chat.begin(given, endpoint), [
      binding,
      this.endpoint,
    ] as const)
  }

  async logIn(jid: string, password: string): Promise<void> {
    await this.tab.evaluate(given => window.chat.logIn(...given), [jid, password, this.endpoint] as const)
  }

  async say(to: string, text: string): Promise<void> {
    await this.tab.evaluate(([jid, said]) => window.chat.say(jid, said), [to, text] as const)
  }

  async leave(): Promise<void> {
    await this.tab.evaluate(() => window.chat.leave())
  }

  jid(): Promise<string> {
    return this.tab.evaluate(() => window.noted.jid)
  }

  received(): Promise<string> {
    return this.tab.evaluate(() => window.noted.bodies.join('\n'))
  }

  async texts(): Promise<string[]> {
    return textsIn(await this.received())
  }

  async receives(text: string, milliseconds = timeout): Promise<void> {
    await untilIn(this.tab, wanted => window.noted.bodies.some(body => body.includes(wanted)), text, milliseconds)
  }

  /** Resolves once Strophe has reported the status, for whatever reason if none is given with it. */
  async reaches(status: string): Promise<void> {
    await untilIn(this.tab, wanted => window.noted.statuses.some(noted => noted.startsWith(wanted)), status)
  }

  async isQuiet(): Promise<void> {
    await untilIn(this.tab, () => window.noted.bodies.length > 0, '')
  }

  /** Resolves once the page has only one request open, the one that is held. */
  async rests(): Promise<void> {
    await untilIn(this.tab, () => window.chat.rests(), 'single request')
  }
}
