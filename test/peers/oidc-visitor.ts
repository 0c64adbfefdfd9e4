// A user of the example with an OpenID provider: what they do on the pages of both, and what they see.
import type { BrowserContext, Page } from 'playwright-core'
import { patience as timeout } from '../support/eventually.js'

export class OidcVisitor {
  /** Every address that the tab has asked for. */
  readonly urls: string[] = []
  /** The access tokens that the page has sent to the service. */
  readonly tokens: string[] = []

  private constructor(
    readonly tab: Page,
    readonly portal: string,
  ) {
    tab.setDefaultTimeout(timeout)
    tab.on('request', request => {
      this.urls.push(request.url())
      const { authorization } = request.headers()
      if (request.method() === 'POST' && authorization) this.tokens.push(authorization.replace('Bearer ', ''))
    })
  }

  static async come(context: BrowserContext, portal: string): Promise<OidcVisitor> {
    const visitor = new OidcVisitor(await context.newPage(), portal)
    await visitor.load()
    return visitor
  }

  async load(): Promise<void> {
    await this.tab.goto(this.portal)
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

  async sees(text: string): Promise<void> {
    await this.tab.getByText(text).first().waitFor()
  }
}
