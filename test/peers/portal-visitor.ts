// Users of the example portals: what they do with the pages and the chat in them, and what they see.
import type { Page } from 'playwright-core'
import { patience as timeout } from '../support/eventually.js'

class Visitor {
  /** Every address that the tab has asked for. */
  readonly urls: string[] = []

  constructor(
    readonly tab: Page,
    readonly portal: string,
  ) {
    tab.setDefaultTimeout(timeout)
    tab.on('request', request => this.urls.push(request.url()))
  }

  get origins(): string[] {
    return [...new Set(this.urls.map(url => new URL(url).origin))].sort()
  }

  async load(): Promise<void> {
    await this.tab.goto(this.portal)
  }

  async sees(text: string): Promise<void> {
    await this.tab.getByText(text).first().waitFor()
  }
}

export class PortalVisitor extends Visitor {
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

/** Of the example with an OpenID provider, on the pages of both. */
export class OidcVisitor extends Visitor {
  /** The access tokens that the page has sent to the service. */
  readonly tokens: string[] = []

  constructor(tab: Page, portal: string) {
    super(tab, portal)
    tab.on('request', request => {
      const { authorization } = request.headers()
      if (request.method() === 'POST' && authorization) this.tokens.push(authorization.replace('Bearer ', ''))
    })
  }

  /** From the portal to the provider's page, as far as the browser is sent. */
  async beginSignIn(): Promise<void> {
    await this.tab.getByRole('link', { name: 'Sign in' }).click()
  }

  async identify(name: string, password: string): Promise<void> {
    await this.tab.getByLabel('Name').fill(name)
    await this.tab.getByLabel('Password').fill(password)
    await this.tab.getByRole('button', { name: 'Continue' }).click()
  }

  async signIn(name: string, password: string): Promise<void> {
    await this.beginSignIn()
    await this.identify(name, password)
    await this.sees('You are online.')
  }

  async signOut(): Promise<void> {
    await this.tab.getByRole('button', { name: 'Sign out' }).click()
    await this.tab.getByRole('button', { name: 'Yes' }).click()
  }

  async say(to: string, text: string): Promise<void> {
    await this.tab.getByLabel('To').fill(to)
    await this.tab.getByLabel('Message').fill(text)
    await this.tab.getByRole('button', { name: 'Send' }).click()
  }
}
