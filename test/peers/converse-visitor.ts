// What a user does with Converse on a portal's page, and sees there.
import type { BrowserContext, Page } from 'playwright-core'
import { patience as timeout } from '../support/eventually.js'
import type { ConverseModuleNoted, InsideConverse } from '../support/page-converse-module.js'
import type { PageVisitor } from './noted-page.js'

declare const window: { noted: ConverseModuleNoted; inside: InsideConverse }

const textsIn = (contact: string): string[] =>
  [...(window.inside.state.chatboxes.get(contact)?.messages.models ?? [])]
    .sort((one, other) => Number(one.cid.slice(1)) - Number(other.cid.slice(1)))
    .filter(message => message.get('sender') === 'them')
    .map(message => message.get('body'))

export class ConverseVisitor {
  readonly complaints: string[] = []

  private constructor(readonly tab: Page) {
    tab.setDefaultTimeout(timeout)
    tab.on('pageerror', error => this.complaints.push(error.message))
  }

  /** `origins`: all others are blocked, because Converse loads pictures of its authors. */
  static async come(context: BrowserContext, address: string, origins: readonly string[]): Promise<ConverseVisitor> {
    const visitor = new ConverseVisitor(await context.newPage())
    await visitor.tab.route(
      url => !origins.includes(url.origin),
      route => route.abort(),
    )
    await visitor.tab.goto(address)
    return visitor
  }

  /** A tab that was duplicated from this, with all its storage. */
  async duplicate(): Promise<ConverseVisitor> {
    const opened = this.tab.waitForEvent('popup')
    await this.tab.evaluate('void open(location.href)')
    return new ConverseVisitor(await opened)
  }

  /** Resolves once the page has had this state so often: `online`, `ended signed-out`. */
  async has(state: string, times = 1): Promise<void> {
    try {
      await this.tab.waitForFunction(
        ([wanted, least]) => window.noted?.statuses.filter(each => each === wanted).length >= least,
        [state, times] as const,
      )
    } catch (error) {
      const seen = { ...(await this.tab.evaluate(() => window.noted)), complaints: this.complaints }
      throw new Error(`no "${state}", but ${JSON.stringify(seen)}`, { cause: error })
    }
  }

  /** Of a guest. */
  token(): Promise<string | undefined> {
    return this.tab.evaluate(
      "Object.entries(localStorage).find(([name]) => name.startsWith('warm-bindings guest'))?.[1]",
    )
  }

  jid(): Promise<string> {
    return this.tab.evaluate(() => window.inside.api.connection.get()?.jid ?? '')
  }

  async turnTo(contact: string): Promise<void> {
    await this.tab.evaluate(jid => void window.inside.api.chats.open(jid, {}, true), contact)
    await this.tab.locator('converse-chat-message-form, .chat-textarea').first().waitFor()
  }

  async say(to: string, text: string): Promise<void> {
    await this.tab.evaluate(
      ([jid, body]) => void window.inside.api.chats.open(jid, {}, true).then(chat => chat.sendMessage({ body })),
      [to, text] as const,
    )
  }

  /** Resolves once Converse waits for nothing but news, over BOSH. */
  async rests(): Promise<void> {
    await this.tab.waitForFunction(() => {
      const requests = window.inside.api.connection.get()?._proto._requests
      return requests?.length === 1 && requests[0]!.age() > 0.3
    })
  }

  /** Resolves once the service holds the only request, and no other will follow. */
  async stopSending(): Promise<void> {
    await this.rests()
    await this.tab.evaluate(() => window.inside.api.connection.get()!.pause())
  }

  /** The same for Converse alone: a request that the browser drops unsent has used up its rid. */
  async stopSendingOnceHeld(isHeld: () => Promise<boolean>): Promise<void> {
    for (;;) {
      await this.stopSending()
      // Chromium opens six connections to a host: the request may wait behind seventy for files of Converse.
      while (await this.tab.evaluate(() => window.inside.api.connection.get()!._proto._requests.length > 0))
        if (await isHeld()) return
      // On a busy machine, its reply can have been on its way for longer than a rest.
      await this.tab.evaluate(() => window.inside.api.connection.get()!.resume())
    }
  }

  async logOut(): Promise<void> {
    // Strophe gives up after three seconds, also if its last request waits behind two others.
    await this.rests()
    await this.tab.evaluate(() => {
      window.inside.api.connection.get()!.disconnection_timeout = 10_000
      void window.inside.api.user.logout()
    })
  }

  async reads(text: string): Promise<void> {
    await this.#messages(text).first().waitFor()
  }

  async showsError(text: string): Promise<string> {
    const error = this.#messages(text).locator('.chat-msg__error').first()
    await error.waitFor()
    return error.innerText()
  }

  count(text: string): Promise<number> {
    return this.#messages(text).count()
  }

  /** Messages of this contact as they came, each as often as Converse has it. */
  texts(contact: string): Promise<readonly string[]> {
    return this.tab.evaluate(textsIn, contact)
  }

  async receives(contact: string, text: string, milliseconds = timeout): Promise<void> {
    const deadline = performance.now() + milliseconds
    while (!(await this.texts(contact)).includes(text)) {
      if (performance.now() > deadline) throw new Error(`no "${text}", but ${await this.texts(contact)}`)
      await this.tab.waitForTimeout(50)
    }
  }

  in(contact: string): PageVisitor {
    return {
      tab: this.tab,
      jid: () => this.jid(),
      say: (to, text) => this.say(to, text),
      receives: (text, milliseconds) => this.receives(contact, text, milliseconds),
      texts: () => this.texts(contact),
    }
  }

  /** Resolves once a contact is shown so: `online`, `offline`. */
  async seesContact(jid: string, status: string): Promise<void> {
    await this.tab.waitForFunction(
      ([contact, wanted]) => window.inside.state.roster?.get(contact)?.getStatus() === wanted,
      [jid, status] as const,
    )
  }

  async sees(text: string): Promise<void> {
    await this.tab.getByText(text).first().waitFor()
  }

  #messages(text: string) {
    const body = this.tab.locator('converse-chat-message-body').getByText(text, { exact: true })
    return this.tab.locator('converse-chat-message', { has: body })
  }
}
