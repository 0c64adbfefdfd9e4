// What the test does with the portal's page that has Converse in it, and what it sees of it.

import type { Page } from 'playwright-core'
import { eventually, patience } from '../support/eventually.js'
import type { ConverseChat, ConverseNoted } from '../support/page-converse.js'

type InPage = { noted: ConverseNoted; chat: ConverseChat }

export class ConversePage {
  readonly #tab: Page
  readonly #address: string
  /** Errors of scripts; Converse has some of its own, when it is told to log out early for one. */
  readonly complaints: string[] = []
  /** How often the page asked for a binding. */
  bindings = 0

  private constructor(tab: Page, portal: string) {
    this.#tab = tab
    this.#address = `${portal}/portal/converse`
    tab.on('pageerror', error => this.complaints.push(error.message))
    tab.on('request', request => {
      if (request.url() === `${this.#address}/binding`) this.bindings += 1
    })
  }

  /** Opens the portal at one address. Its BOSH endpoint may be at another. */
  static async open(tab: Page, portal: string, service = portal): Promise<ConversePage> {
    const page = new ConversePage(tab, portal)
    // Converse has pictures that it would fetch from its authors.
    await tab.route(
      url => url.origin !== portal && url.origin !== service,
      route => route.abort(),
    )
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

  async begin(settings: Parameters<ConverseChat['begin']>[0]): Promise<void> {
    await this.#tab.evaluate(given => (globalThis as unknown as InPage).chat.begin(given), settings)
  }

  async say(to: string, text: string): Promise<void> {
    await this.#tab.evaluate(([jid, said]) => (globalThis as unknown as InPage).chat.say(jid, said), [
      to,
      text,
    ] as const)
  }

  async leave(): Promise<void> {
    // Strophe gives up after three seconds, also if its last request waits behind two others.
    await this.rests()
    await this.#tab.evaluate(() => (globalThis as unknown as InPage).chat.leave())
  }

  /** The JID that Converse knows itself by. */
  async jid(): Promise<string> {
    return (await this.#noted()).jid ?? ''
  }

  /** Texts of all messages that came since the page was loaded. */
  async texts(): Promise<readonly string[]> {
    return (await this.#noted()).texts
  }

  /** Resolves once the event has come. */
  async notes(event: string): Promise<void> {
    await this.#until(wanted => (globalThis as unknown as InPage).noted.events.includes(wanted), event)
  }

  /** Resolves once a message of this text has come. */
  async receives(text: string, milliseconds = patience): Promise<void> {
    await this.#until(wanted => (globalThis as unknown as InPage).noted.texts.includes(wanted), text, milliseconds)
  }

  /** Resolves once the text stands in a message on the screen. */
  async shows(text: string): Promise<void> {
    await this.#tab.locator('converse-chat-message-body', { hasText: text }).first().waitFor({ timeout: patience })
  }

  /** Resolves once a message of this text is shown with an error. Returns the error. */
  async showsError(text: string): Promise<string> {
    const message = this.#tab.locator('converse-chat-message', { hasText: text })
    const error = message.locator('.chat-msg__error').first()
    await error.waitFor({ timeout: patience })
    return error.innerText()
  }

  /** Runs a script of the portal's, before Converse begins. */
  async run(script: string): Promise<void> {
    await this.#tab.evaluate(script)
  }

  /** Resolves once Converse shows a contact so: `online`, `offline`. */
  async showsContact(jid: string, status: string): Promise<void> {
    const isSo = ([contact, wanted]: string[]) => (globalThis as unknown as InPage).chat.statusOf(contact!) === wanted
    await this.#tab.waitForFunction(isSo, [jid, status], { timeout: patience })
  }

  /** Resolves once Converse waits for nothing but news. */
  async rests(): Promise<void> {
    await this.#until(() => (globalThis as unknown as InPage).chat.rests(), 'single request')
  }

  /**
   * Converse sends nothing more until it is loaded again, and the service holds its latest request: a request that the
   * browser drops unsent has used up its rid.
   */
  async stopsSending(isHeld: () => Promise<boolean>): Promise<void> {
    await eventually('the latest request is held', async () => {
      await this.#until(() => (globalThis as unknown as InPage).chat.pausesAtRest(), 'single request')
      // Chromium opens six connections to a host: the request may wait behind seventy for files of Converse.
      while (await this.#tab.evaluate(() => (globalThis as unknown as InPage).chat.hasRequest()))
        if (await isHeld()) return true
      // On a busy machine, its reply can have been on its way for longer than a rest.
      await this.#tab.evaluate(() => (globalThis as unknown as InPage).chat.resume())
      return false
    })
  }

  #noted(): Promise<ConverseNoted> {
    return this.#tab.evaluate(() => (globalThis as unknown as InPage).noted)
  }

  async #until(holds: (wanted: string) => boolean, wanted: string, timeout = patience): Promise<void> {
    try {
      await this.#tab.waitForFunction(holds, wanted, { timeout, polling: 20 })
    } catch (error) {
      const seen = { ...(await this.#noted()), complaints: this.complaints }
      throw new Error(`no "${wanted}", but ${JSON.stringify(seen)}`, { cause: error })
    }
  }
}
