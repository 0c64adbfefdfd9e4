// A page of a portal logs its user in with the portal's token, in Chromium, at Prosody with a service account.
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { sharedChromium } from '../support/chromium.js'
import { patience } from '../support/eventually.js'
import { servePage } from '../support/page.js'
import { pageSecret, pageToken } from '../support/page-token.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import { root } from '../support/repository.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { describeWith } from './needs.js'
import { PortalPage } from './portal-page.js'

const config = `
plugin_paths = { "${join(root, 'deploy/prosody')}" }
modules_enabled = { "roster", "saslauth", "tls", "disco", "posix", "bosh", "service_account" }
allow_unencrypted_plain_auth = true
service_accounts = { "portal@localhost" }
`

interface Told {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever comes.
  readonly body: any
}

describeWith(['prosody', 'chromium'], 'A page with a token of its portal', () => {
  const { file } = testFolder()
  let prosody: Prosody
  let portal: Awaited<ReturnType<typeof servePage>>
  let stranger: Awaited<ReturnType<typeof servePage>>
  let service: TestService
  let tab: Page

  beforeAll(async () => {
    prosody = await startProsody({ users: { alice: 'wonderland', portal: 'secret-of-portal' }, config })
    portal = await servePage()
    stranger = await servePage()
    service = await startTestService({
      servers: `localhost=xmpp://127.0.0.1:${prosody.c2sPort}?tls=none&plain=on`,
      environment: {
        PAGE_ORIGINS: portal.url,
        WEBSOCKET_ORIGINS: portal.url,
        PAGE_TOKEN_SECRET_FILE: file('secrets', pageSecret),
        PAGE_TOKEN_AUDIENCE: 'chat',
        PAGE_TOKEN_JID: '{sub}@localhost',
        XMPP_SERVICE_ACCOUNTS: 'localhost=portal:secret-of-portal',
        XMPP_MECHANISMS: 'PLAIN',
      },
    })
  })

  beforeEach(async () => {
    tab = await (await sharedChromium()).newPage()
  })

  afterEach(() => tab.close())

  afterAll(async () => {
    await service?.stop()
    await portal?.stop()
    await stranger?.stop()
    await prosody?.stop()
  })

  const call = (method: string, token: string): Promise<Told> =>
    tab.evaluate(
      async ([url, method, token]) => {
        const headers: Record<string, string> = { Authorization: `Bearer ${token}` }
        if (method === 'POST') headers['Content-Type'] = 'application/json'
        const body = method === 'POST' ? '{"tab":"t1"}' : null
        const reply = await fetch(url, { method, headers, body })
        return { status: reply.status, body: await reply.json() }
      },
      [`${service.url}/connect`, method, token] as const,
    )

  test('attaches to its session, resumes it after a reload, and ends it', async () => {
    const page = await PortalPage.open(tab, portal.url, service.url)
    const token = pageToken({ visit: 'v1' })
    const first = await call('POST', token)
    expect(first).toMatchObject({ status: 200, body: { resumed: false } })
    expect(first.body.jid).toMatch(/^alice@localhost\//)
    await page.begin(first.body)
    await page.reaches('ATTACHED')
    await page.isQuiet()
    await tab.evaluate('sessionStorage.clear()')
    await page.away()
    await page.back()
    const again = await call('POST', token)
    expect(again).toMatchObject({ status: 200, body: { resumed: true, jid: first.body.jid, id: first.body.id } })
    expect(await call('DELETE', token)).toEqual({ status: 200, body: { ended: 1 } })
    expect(page.preflights).toBeGreaterThan(0)
    expect(page.complaints).toEqual([])
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

  test('reads the reason if its token is rejected (401 invalid-token)', async () => {
    await PortalPage.open(tab, portal.url, service.url)
    const { status, body } = await call('POST', pageToken({ exp: 1 }))
    expect([status, body.code]).toEqual([401, 'invalid-token'])
    expect(body.detail).toContain('It has expired.')
  })

  test('of another origin is blocked by the browser', async () => {
    await PortalPage.open(tab, stranger.url, service.url)
    await expect(call('POST', pageToken({}))).rejects.toThrow('Failed to fetch')
  })
})
