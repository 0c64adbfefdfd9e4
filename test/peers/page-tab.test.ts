// The module for pages, in Chromium: data that a tab stores, and invalid responses of the portal.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { BrowserContext, Page } from 'playwright-core'
import { sharedChromium } from '../support/chromium.js'
import { eventually, patience } from '../support/eventually.js'
import { createModulePageRouter, type ModuleChat, type ModuleNoted, type PageOptions } from '../support/page-module.js'
import { bindTab, callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'

declare const window: { noted: ModuleNoted; chat: ModuleChat | undefined }

const browser = 'chromium-headless-shell'
const alice = { jid: 'alice@localhost', password: 'demo' }
const place = 'warm-bindings /chat/binding'

/** Storage throws for the module's keys. */
const noStorage = `for (const name of ['getItem', 'setItem']) {
  const real = Storage.prototype[name]
  Storage.prototype[name] = function (key, ...values) {
    if (key.startsWith('warm-bindings')) throw new DOMException('No.', 'SecurityError')
    return real.call(this, key, ...values)
  }
}`

describeWith([browser], 'A page with the module', () => {
  let service: TestService
  let context: BrowserContext
  let tab: Page
  let options: PageOptions
  const ids = new Map<string, string>()
  /** The portal's changes to the service's response. */
  let change: (binding: object) => object

  beforeAll(async () => {
    service = await startTestService({
      demo: [{ alice: alice.password }],
      routers: () => [createModulePageRouter(() => options, bind)],
    })
  })

  beforeEach(async () => {
    options = { transport: 'bosh', history: 0, rooms: [] }
    change = binding => binding
    ids.clear()
    context = await (await sharedChromium(browser)).newContext()
    tab = await context.newPage()
    tab.setDefaultTimeout(patience)
  })

  afterEach(async () => {
    await context?.close()
    await callSessions(service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
  })

  afterAll(() => service?.stop())

  const bind = async (name: string) => change(await bindTab(service, ids, name, alice))

  const load = () => tab.goto(`${service.url}/portal/module`)
  const isOnline = () => tab.waitForFunction(() => window.chat?.status.state === 'online')
  const lastStatus = async (state: string) => {
    await tab.waitForFunction(wanted => window.noted?.statuses.at(-1)?.state === wanted, state)
    return (await tab.evaluate(() => window.noted)).statuses.at(-1)
  }
  const sessions = async () =>
    (await callSessions(service.url, 'GET', `/sessions?jid=${alice.jid}`)).json.sessions.length

  const whole = { tab: 'a'.repeat(32), jid: '', seen: 0, last: '', outgoing: [] }

  test.each([
    'none',
    '5',
    'null',
    '[]',
    '{}',
    ...[
      { tab: 5 },
      { jid: 7 },
      { jid: null },
      { seen: {} },
      { last: {} },
      { outgoing: 5 },
      { outgoing: {} },
      { outgoing: [null] },
      { outgoing: [{ id: 'a', xml: 5 }] },
      { outgoing: [{ id: 'a', xml: '<message' }] },
    ].map(part => JSON.stringify({ ...whole, ...part })),
  ])('goes online in a tab that has stored %s, and stores valid data', async kept => {
    await tab.addInitScript(`sessionStorage.setItem(${JSON.stringify(place)}, ${JSON.stringify(kept)})`)
    await load()
    await isOnline()
    const left = await tab.evaluate(
      `dispatchEvent(new PageTransitionEvent('pagehide')), JSON.parse(sessionStorage.getItem('${place}'))`,
    )
    expect(left).toMatchObject({
      tab: expect.stringMatching(/^\d{4,40}$/),
      jid: expect.stringMatching(/^alice@localhost\/./),
      seen: expect.any(Number),
      last: expect.any(String),
      outgoing: expect.any(Array),
      sent: expect.any(Array),
      isBehind: expect.any(Boolean),
    })
    expect(Object.keys(left as object).length).toBe(7)
  })

  describe.each(['bosh', 'websocket'] as const)('over %s', transport => {
    test('leaves no session behind if the browser blocks storage', async () => {
      options = { ...options, transport }
      await tab.addInitScript(noStorage)
      await load()
      await isOnline()
      for (let count = 0; count < 3; count += 1) {
        await tab.reload()
        await isOnline()
      }
      expect(ids.size).toBe(4)
      let left = 4
      await eventually('one session is left', () => {
        void sessions().then(count => {
          left = count
        })
        return left === 1
      })
    })
  })

  test.each(['bosh', 'websocket'] as const)(
    'over %s, waits for its user if the XMPP server has ended its session for a newer one',
    async transport => {
      options = { ...options, transport }
      await load()
      await isOnline()
      const jid = await tab.evaluate(() => window.chat!.jid)
      const newer = await callSessions(service.url, 'POST', '', { body: { jid, password: alice.password } })
      expect(newer.json.jid).toBe(jid)
      expect(await lastStatus('ended')).toMatchObject({ code: 'replaced' })
      expect(ids.size).toBe(1)
      await tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
      await isOnline()
    },
  )

  test('uses BOSH if the WebSocket is silent during the login', async () => {
    options = { ...options, transport: 'auto' }
    // In the page, ten seconds are a fifth of a second.
    await tab.addInitScript(`const { setTimeout: set } = window
      setTimeout = (act, time, ...given) => set(act, time === 10_000 ? 200 : time, ...given)`)
    let sockets = 0
    await tab.routeWebSocket(/xmpp-websocket/, socket => {
      sockets += 1
      let passed = 0
      const server = socket.connectToServer()
      server.onMessage(text => passed++ < 2 && socket.send(text))
    })
    const requests: string[] = []
    tab.on('request', request => requests.push(request.url()))
    await load()
    await isOnline()
    await eventually('the page uses BOSH', () => requests.some(url => url.endsWith('/http-bind')))
    expect([sockets, await sessions()]).toEqual([1, 1])
    const id = await tab.evaluate(to => window.chat!.send(to, 'Tea?'), alice.jid)
    await tab.waitForFunction(sent => window.noted.states.some(({ id, state }) => id === sent && state === 'sent'), id)
  })

  test('ends if the binding has an invalid URL', async () => {
    for (const wrong of [{ url: 'http://[' }, { websocket: { url: 'http://[', token: 'a' } }]) {
      options = { ...options, transport: 'auto' }
      change = binding => ({ ...binding, ...wrong })
      await load()
      expect(await lastStatus('ended')).toEqual({
        state: 'ended',
        code: 'refused',
        reason: 'The chat is not available.',
      })
    }
  })
})
