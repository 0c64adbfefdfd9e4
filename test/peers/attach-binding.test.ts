// Sessions bound to one browser by a cookie. Strophe needs no code for it: Chromium sends the cookie.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { BrowserContext } from 'playwright-core'
import { BoshClient } from '../support/bosh-client.js'
import { eitherChromium, sharedChromium } from '../support/chromium.js'
import { createPageRouter } from '../support/page.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { PortalPage } from './portal-page.js'
import { servePortal } from './portal-server.js'

const gone = "type='terminate' condition='item-not-found'"

type Bound = WarmBinding & { cookie?: { name: string; value: string } }

describeWith([eitherChromium], 'A session bound to one browser', () => {
  let service: TestService
  let context: BrowserContext

  beforeAll(async () => {
    service = await startTestService({
      demo: [{ alice: 'wonderland' }],
      routers: () => [createPageRouter()],
    })
    context = await (await sharedChromium(eitherChromium)).newContext()
  })

  afterEach(async () => {
    await context.clearCookies()
  })

  afterAll(async () => {
    await context?.close()
    await service?.stop()
  })

  const warm = async (attach_binding: string) =>
    (await service.bind({ jid: 'alice@localhost', password: 'wonderland', attach_binding })) as Bound

  const open = async () => PortalPage.open(await context.newPage(), service.url, service.url)

  /** The reply to a client that knows sid and rid, and has no cookie. */
  async function stranger({ sid }: WarmBinding, rid: number): Promise<string> {
    const client = new BoshClient(`${service.url}/http-bind`, { sid, rid })
    const answer = await client.request("<message xmlns='jabber:client' to='alice@localhost'/>")
    client.close()
    return answer
  }

  async function chats(page: PortalPage, text: string): Promise<void> {
    await page.say(await page.jid(), text)
    await page.receives(text)
  }

  test('with cookie: rejects requests without the cookie of its first page, also beside another session', async () => {
    const bindings = [await warm('cookie'), await warm('cookie')] as const
    const pages = [await open(), await open()] as const
    for (const [index, page] of pages.entries()) {
      await page.begin(bindings[index]!)
      await chats(page, `first ${index}`)
    }
    const cookies = await context.cookies(`${service.url}/http-bind`)
    expect(cookies.map(({ name }) => name).sort()).toEqual(bindings.map(({ id }) => `wb-${id}`).sort())
    for (const cookie of cookies) expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/http-bind' })
    for (const [index, page] of pages.entries()) {
      const { rid } = bindings[index]!
      for (const guess of [rid, rid + 3, rid + 4, rid + 1000])
        expect(await stranger(bindings[index]!, guess)).toContain(gone)
      await chats(page, `still here ${index}`)
      expect(page.complaints).toEqual([])
      await page.leave()
    }
  })

  test('accepts its cookie from a page of another origin', async () => {
    /** Same site, another port: only the origin differs. */
    const onSite = (url: string) => url.replace('127.0.0.1', 'localhost')
    const portal = await servePortal([createPageRouter()])
    const shared = await startTestService({
      demo: [{ alice: 'wonderland' }],
      environment: { CORS_ORIGINS: onSite(portal.url), ATTACH_BINDING: 'cookie' },
    })
    const binding = await shared.bind({ jid: 'alice@localhost', password: 'wonderland' })
    const page = await PortalPage.open(await context.newPage(), onSite(portal.url), onSite(shared.url))
    await page.tab.evaluate('chat.takeCookies()')
    await page.begin(binding)
    await chats(page, 'from next door')
    expect(page.preflights).toBeGreaterThan(0)
    const [cookie] = await context.cookies(`${onSite(shared.url)}/http-bind`)
    expect(cookie).toMatchObject({ name: `wb-${binding.id}`, domain: 'localhost' })
    const client = new BoshClient(`${shared.url}/http-bind`, { sid: binding.sid, rid: binding.rid + 4 })
    expect(await client.request()).toContain(gone)
    client.close()
    await chats(page, 'still from next door')
    expect(page.complaints).toEqual([])
    await page.leave()
    await shared.stop()
    await portal.stop()
  })
})
