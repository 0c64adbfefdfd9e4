// The admin pages in Chromium, with values as long as servers and portals make them.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import { sharedChromium } from '../support/chromium.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { combinations } from '../support/matrix.js'
import { memoryStore } from '../support/memory-store.js'
import { admin, startTestService, type TestService } from '../support/start-service.js'
import { AdminPage } from './admin-page.js'
import { excessWidth, overlaps } from './legibility.js'
import { describeWith } from './needs.js'

const domains = ['localhost', `${'x'.repeat(60)}.${'department-of-long-names.'.repeat(4)}example`]
const users = ['alice', `${'y'.repeat(60)}-with-a-long-name-of-her-own-${'z'.repeat(60)}`]
/** The first is of ejabberd, the second of the tests' server. */
const resources = ['17325567212345678901', 'chosen-by-server', 'a-long-resource-'.repeat(16), 'w'.repeat(300)]
const password = 'secret'
const visit = 'v'.repeat(60)
const otherAdmin = 'an-admin-for-all-portals-of-the-company'

describeWith(['chromium-headless-shell'], 'Long values on the admin pages', () => {
  const servers: LoginServer[] = []
  const services: TestService[] = []
  let id: string
  let page: AdminPage

  const longest = `${users[1]}@${domains[1]}`

  beforeAll(async () => {
    const accounts = Object.fromEntries(users.map(name => [name, password]))
    for (const domain of domains) servers.push(await startLoginServer({ domain, accounts }))
    const options = {
      servers: servers.map(({ domain, port }) => `${domain}=xmpp://127.0.0.1:${port}?tls=none`).join(),
      environment: {
        XMPP_DOMAINS: domains.join(),
        ADMIN_USERS: `${admin.name}:${admin.secret},${otherAdmin}:${admin.secret}`,
      },
      store: memoryStore(systemClock),
    }
    services.push(await startTestService(options), await startTestService(options))
    const others = { Authorization: `Basic ${Buffer.from(`${otherAdmin}:${admin.secret}`).toString('base64')}` }
    for (const [index, domain] of domains.entries())
      for (const user of users)
        for (const resource of resources) {
          const login = { jid: `${user}@${domain}/${resource}`, password, visit, tab: resource.slice(0, 40) }
          const { status, text, json } = await services[index]!.warm(login, index === 0 ? { headers: others } : {})
          expect([status, text]).toEqual([200, expect.anything()])
          if (index === 1) id = json['id'] as string
        }
    await services[0]!.warm({ jid: longest, password: 'wrong' })
    servers[1]!.script = { bind: ({ say }) => say(`<stream:error><${'t'.repeat(80)}/></stream:error>`) }
    await services[0]!.warm({ jid: longest, password })
    servers[1]!.script = {}
    const browser = await sharedChromium('chromium-headless-shell')
    page = await AdminPage.open(browser, services[0]!.url)
  })

  afterAll(async () => {
    await page?.close()
    for (const part of [...services, ...servers]) await part.stop()
  })

  const query = (parameters: Record<string, string>) => new URLSearchParams(parameters)

  const lists = () => [
    'sessions',
    'sessions?limit=2&page=3',
    'sessions?refresh=60',
    `sessions?${query({ search: longest, domain: domains[1]!, visit, refresh: '60' })}`,
    `sessions?${query({ search: longest.slice(0, 90), domain: domains[1]!, visit, limit: '2' })}`,
    `sessions?${query({ jid: longest })}`,
    `sessions/end?${query({ jid: longest })}`,
    `sessions/end?id=${id}`,
    'numbers',
    'failures',
    'audit',
    `audit?${query({ jid: longest, admin: otherAdmin })}`,
    id,
    `${id}/end`,
    'docs/api',
    'w'.repeat(100),
  ]

  test.each(combinations([320, 390, 768, 1024, 1280], width => width === 390 || width === 1024))(
    'do not overlap in a window of %i pixels',
    async width => {
      const { tab } = page
      await tab.setViewportSize({ width, height: 800 })
      const isLegible = async (at: string) => {
        for (const size of width === 390 ? ['100%', '200%'] : ['100%']) {
          await tab.evaluate(`document.documentElement.style.fontSize = '${size}'`)
          const faults = { overlaps: await overlaps(tab), excessWidth: await excessWidth(tab) }
          expect({ at, size, ...faults }).toEqual({ at, size, overlaps: [], excessWidth: 0 })
        }
      }
      for (const path of lists()) {
        await page.goto(`/warm/${path}`)
        await isLegible(path)
      }
      await page.goto('/warm')
      await tab.getByText('More options').click()
      await isLegible('the form')
      await page.bindInVain({ jid: longest, password: 'wrong' })
      await isLegible('the form after a failed login')
      await page.bind({ jid: `${longest}/${resources[3]}`, password })
      await isLegible('the values for a page')
    },
  )

  test.each([1000, 1280])('leave room for a short JID in a window of %i pixels', async width => {
    const { tab } = page
    await tab.setViewportSize({ width, height: 800 })
    await page.goto('/warm/sessions')
    await tab.getByRole('columnheader', { name: 'Visit' }).waitFor()
    await tab.getByRole('columnheader', { name: 'Process' }).waitFor()
    const name = tab.locator('.rows bdi').filter({ hasText: 'alice@localhost' }).first()
    const cell = name.locator('xpath=ancestor::*[local-name()="th"]')
    const [text, room] = [(await name.boundingBox())!, (await cell.boundingBox())!]
    expect(text.x + text.width).toBeLessThanOrEqual(room.x + room.width)
    const cut = await tab.evaluate(`Array.from(document.querySelectorAll('.rows thead th, .rows td:has(.state)'))
      .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
      .map(({ textContent }) => textContent)`)
    expect(cut).toEqual([])
  })

  test('leave room to tap each line of a row on a phone', async () => {
    const { tab } = page
    await tab.setViewportSize({ width: 390, height: 800 })
    for (const part of ['bdi', '.resource', '.state']) {
      await page.goto(`/warm/sessions?${query({ search: `alice@localhost/${resources[0]}` })}`)
      const { x, y, height } = (await tab.locator(`.rows tbody tr ${part}`).boundingBox())!
      await tab.mouse.click(x + 10, y + height / 2)
      await tab.getByRole('heading', { level: 1, name: 'Session of alice@localhost' }).waitFor()
    }
  })
})
