// An admin's browser at a service whose users are at a small XMPP server, for all tests of a file.
import { afterAll, afterEach, beforeAll } from '@jest/globals'
import type { Browser } from 'playwright-core'
import { sharedChromium } from '../support/chromium.js'
import { startTestService, type TestService, type TestServiceOptions } from '../support/start-service.js'
import { AdminPage, type AdminPageOptions } from './admin-page.js'

export interface AdminStage {
  readonly service: TestService
  /** The page is closed after the test. */
  open(options?: AdminPageOptions, at?: Pick<TestService, 'url'>): Promise<AdminPage>
}

export function stageForAdmins(passwords: Record<string, string>, options: TestServiceOptions = {}): AdminStage {
  let browser: Browser
  let service: TestService
  let page: AdminPage | undefined

  beforeAll(async () => {
    browser = await sharedChromium('chromium-headless-shell')
    service = await startTestService({ demo: [passwords], ...options })
  })

  afterEach(async () => page?.close())

  afterAll(() => service?.stop())

  return {
    get service() {
      return service
    },
    async open(options, { url } = service) {
      page = await AdminPage.open(browser, url, options)
      return page
    },
  }
}
