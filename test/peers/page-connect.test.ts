// A page of a portal logs its user in with the portal's token, in Chromium, at Prosody with a service account.
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { sharedChromium } from '../support/chromium.js'
import { patience } from '../support/eventually.js'
import { createPageRouter } from '../support/page.js'
import { pageSecret, pageToken, settingsForPages } from '../support/page-token.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import { root } from '../support/repository.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { describeWith } from './needs.js'
import { servePortal } from './portal-server.js'

const config = `
plugin_paths = { "${join(root, 'deploy/prosody')}" }
modules_enabled = { "roster", "saslauth", "tls", "disco", "posix", "bosh", "service_account" }
allow_unencrypted_plain_auth = true
service_accounts = { "portal@localhost" }
`

describeWith(['prosody', 'chromium'], 'A page with a token of its portal', () => {
  const { file } = testFolder()
  let prosody: Prosody
  let portal: Awaited<ReturnType<typeof servePortal>>
  let service: TestService

  beforeAll(async () => {
    prosody = await startProsody({ users: { alice: 'wonderland', portal: 'secret-of-portal' }, config })
    portal = await servePortal([createPageRouter()])
    service = await startTestService({
      servers: `localhost=xmpp://127.0.0.1:${prosody.c2sPort}?tls=none&plain=on`,
      environment: {
        ...settingsForPages(portal.url, file('secrets', pageSecret)),
        WEBSOCKET_ORIGINS: portal.url,
        XMPP_MECHANISMS: 'PLAIN',
      },
    })
  })

  afterAll(async () => {
    await service?.stop()
    await portal?.stop()
    await prosody?.stop()
  })

  test('with the module logs in with a token, stays logged in over reloads, and signs out of all tabs', async () => {
    const context = await (await sharedChromium()).newContext({ bypassCSP: true })
    context.setDefaultTimeout(patience)
    let isSignedIn = true
    const asked: string[] = []
    await context.route(`${portal.url}/chat/token`, route => {
      asked.push(route.request().method())
      if (!isSignedIn) return route.fulfill({ status: 401 })
      return route.fulfill({ json: { token: pageToken({ visit: 'v2' }) } })
    })
    await context.route(`${portal.url}/sign-out`, route => {
      isSignedIn = false
      return route.fulfill({ status: 204 })
    })
    const open = async () => {
      const tab = await context.newPage()
      await tab.goto(`${portal.url}/portal`)
      return tab
    }
    /** Resolves with the full JID. */
    const begin = (tab: Page) =>
      tab.evaluate(`import('${service.url}/assets/warm-bindings.js').then(async ({ connect }) => {
        window.chat = await connect({ Strophe, service: '${service.url}', token: '/chat/token', history: 0 })
        return chat.jid
      })`)
    try {
      const [one, other] = [await open(), await open()]
      const [first, second] = [await begin(one), await begin(other)]
      expect(first).toMatch(/^alice@localhost\//)
      expect(second).not.toBe(first)
      await one.reload()
      expect(await begin(one)).toBe(first)
      expect(asked.length).toBe(3)
      await one.evaluate("chat.signOut(() => fetch('/sign-out', { method: 'POST' }))")
      expect(service.service.counts().sessions).toBe(0)
      expect(await one.evaluate('chat.status.code')).toBe('closed')
      await other.waitForFunction("chat.status.code === 'signed-out'")
      expect(service.service.counts().sessions).toBe(0)
      isSignedIn = true
      expect(await begin(other)).not.toBe(second)
    } finally {
      await context.close()
    }
  })
})
