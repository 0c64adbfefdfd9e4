// An admin's browser at a service whose users are at a small XMPP server: what an admin does with the service's own pages,
// and what there is to see. Every wait has a deadline of its own.
import { afterAll, afterEach, beforeAll } from '@jest/globals'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import { sharedChromium } from '../support/chromium.js'
import { eventually, patience as timeout } from '../support/eventually.js'
import { callSessions } from '../support/sessions-api.js'
import { admin, startTestService, type TestService } from '../support/start-service.js'
import { complaintsOf } from './noted-page.js'

interface AdminPageOptions {
  readonly javaScriptEnabled?: boolean
  readonly colorScheme?: 'light' | 'dark'
  readonly viewport?: { readonly width: number; readonly height: number }
}

class AdminPage {
  /** What the browser calls an error: of scripts, of the policy for contents, of requests. */
  readonly complaints: readonly string[]
  /** The origins that something was asked of. */
  readonly origins = new Set<string>()

  private constructor(
    readonly tab: Page,
    readonly context: BrowserContext,
    readonly service: string,
  ) {
    tab.setDefaultTimeout(timeout)
    this.complaints = complaintsOf(tab)
    tab.on('request', request => this.origins.add(new URL(request.url()).origin))
  }

  /** A browser that knows the admin's credentials, in front of the form. */
  static async open(browser: Browser, service: string, options: AdminPageOptions = {}): Promise<AdminPage> {
    const httpCredentials = { username: admin.name, password: admin.secret }
    const context = await browser.newContext({ ...options, httpCredentials })
    const page = new AdminPage(await context.newPage(), context, service)
    await page.goto('/warm')
    return page
  }

  async goto(path: string): Promise<void> {
    await this.tab.goto(this.service + path)
  }

  async bind(user: { readonly jid: string; readonly password: string }): Promise<void> {
    await this.logIn(user)
    await this.tab.getByRole('heading', { level: 1, name: 'Logged in' }).waitFor()
  }

  async logIn({ jid, password }: { readonly jid: string; readonly password: string }): Promise<void> {
    await this.tab.getByRole('textbox', { name: 'JID' }).fill(jid)
    // Playwright finds no labels in pages that are XML, and a password field has no role.
    await this.tab.locator('#password').fill(password)
    await this.button('Log this user in').click()
  }

  async binding(): Promise<{ jid: string; sid: string; rid: number }> {
    const [jid, sid, rid] = await Promise.all(
      ['JID', 'SID', 'RID'].map(term =>
        this.tab.locator('dl.binding dt', { hasText: term }).locator('+ dd').innerText(),
      ),
    )
    return { jid: jid!, sid: sid!, rid: Number(rid) }
  }

  async attach(): Promise<void> {
    await this.button('Connect').click()
    await this.says('Connected')
  }

  async logOut(): Promise<void> {
    await this.button('Disconnect').click()
    await this.says('Disconnected')
  }

  async says(state: string | RegExp): Promise<void> {
    await this.tab.getByRole('status').getByText(state, { exact: true }).waitFor()
  }

  async shows(name: string, value: string | RegExp): Promise<void> {
    const line = this.tab.getByRole('row').filter({ has: this.tab.getByRole('rowheader', { name, exact: true }) })
    await line.getByRole('cell').filter({ hasText: value }).waitFor()
  }

  /** Resolves once the session's latest request is held, so that what the page says next is in order. */
  async rests(): Promise<void> {
    const { jid } = await this.binding()
    const held = `/sessions?${new URLSearchParams({ jid, state: 'held' })}`
    const isHeld = async () => (await callSessions(this.service, 'GET', held)).json.total > 0
    await eventually(`a request of ${jid} is held`, isHeld)
  }

  button(name: string): Locator {
    return this.tab.getByRole('button', { name, exact: true })
  }

  async close(): Promise<void> {
    await this.context.close()
  }
}

export function stageForAdmins(passwords: Record<string, string>) {
  let browser: Browser
  let service: TestService
  let page: AdminPage | undefined

  beforeAll(async () => {
    browser = await sharedChromium('chromium-headless-shell')
    service = await startTestService({ demo: [passwords] })
  })

  afterEach(async () => page?.close())

  afterAll(() => service?.stop())

  return {
    get service() {
      return service
    },
    /** The page is closed after the test. */
    async open(options?: AdminPageOptions, { url }: Pick<TestService, 'url'> = service) {
      page = await AdminPage.open(browser, url, options)
      return page
    },
  }
}
