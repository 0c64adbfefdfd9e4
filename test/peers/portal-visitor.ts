// A user of the example portal: what they do with its page and the chat in it, and what they see.

import type { BrowserContext, Page } from 'playwright-core'
import { patience as timeout } from '../support/eventually.js'

export class PortalVisitor {
  /** The origins that answered the tab. */
  readonly origins = new Set<string>()

  private constructor(
    readonly tab: Page,
    readonly portal: string,
  ) {
    tab.setDefaultTimeout(timeout)
    tab.on('response', response => this.origins.add(new URL(response.url()).origin))
  }

  static async come(context: BrowserContext, portal: string): Promise<PortalVisitor> {
    const visitor = new PortalVisitor(await context.newPage(), portal)
    await visitor.load()
    return visitor
  }

  async load(): Promise<void> {
    await this.tab.goto(this.portal)
  }

  async signIn(name: string, password: string): Promise<void> {
    await this.tab.getByLabel('Name').fill(name)
    await this.tab.getByLabel('Password').fill(password)
    await this.tab.getByRole('button', { name: 'Sign in' }).click()
  }

  async signOut(): Promise<void> {
    await this.tab.getByRole('button', { name: 'Sign out' }).click()
  }

  async turnTo(contact: string): Promise<void> {
    await this.tab.getByRole('navigation').getByRole('button', { name: contact }).click()
  }

  async say(text: string): Promise<void> {
    await this.tab.getByRole('textbox', { name: 'Message' }).fill(text)
    await this.tab.keyboard.press('Enter')
  }

  async sees(text: string): Promise<void> {
    await this.tab.getByText(text).first().waitFor()
  }

  /** Resolves once the list says that a contact is there, or is not. */
  async seesContact(contact: string, state: 'online' | 'offline'): Promise<void> {
    await this.tab
      .getByRole('navigation')
      .getByRole('button', { name: `${contact} ${state}` })
      .waitFor()
  }

  /** Resolves once a message of this text stands in the chat that is open. */
  async reads(text: string): Promise<void> {
    await this.tab.getByRole('log').getByText(text, { exact: true }).first().waitFor()
  }

  async count(text: string): Promise<number> {
    return this.tab.getByRole('log').getByText(text, { exact: true }).count()
  }
}
