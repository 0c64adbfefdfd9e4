// Accessibility of the service's own pages in Chromium, on phone and desktop, in light and dark colours.
// Runs in npm run test:all only: axe checks each page in each look.
import { expect, test } from '@jest/globals'
import { ask } from '../support/http-answer.js'
import { callSessions } from '../support/sessions-api.js'
import { stageForAdmins } from './admin-page.js'
import { brokenRules, excessWidth, overlaps, smallTargets } from './legibility.js'
import { describeWith } from './needs.js'
import { alice, bobs, passwords } from './user.js'

const devices = {
  phone: { width: 390, height: 844 },
  desktop: { width: 1280, height: 800 },
}

const looks = (['phone', 'desktop'] as const).flatMap(device =>
  (['light', 'dark'] as const).map(colorScheme => ({ device, colorScheme })),
)

describeWith(['chromium-headless-shell'], 'The admin pages', () => {
  const stage = stageForAdmins(passwords)

  test('fit a phone with text of twice the size, with the menu in one row', async () => {
    const page = await stage.open({ viewport: devices.phone })
    const { id } = await stage.service.bind(alice)
    for (const path of ['', '/sessions', '/numbers', '/failures', '/audit', `/${id}`, `/${id}/end`]) {
      await page.goto(`/warm${path}`)
      await page.tab.evaluate("document.documentElement.style.fontSize = '200%'")
      expect([path, await excessWidth(page.tab), await overlaps(page.tab)]).toEqual([path, 0, []])
    }
    await page.goto('/warm/audit')
    const menu = (await page.tab.locator('.bar').boundingBox())!
    const current = (await page.tab.locator('.bar [aria-current]').boundingBox())!
    expect(menu.height).toBeLessThan(1.5 * current.height)
    expect(current.x + current.width).toBeLessThanOrEqual(devices.phone.width)
    await callSessions(stage.service.url, 'DELETE', `/${id}`)
  })

  for (const { device, colorScheme } of looks) {
    const viewport = devices[device]

    test(`are legible on a ${device} in ${colorScheme} colours, with large enough targets`, async () => {
      const page = await stage.open({ viewport, colorScheme })
      const { tab } = page
      const isLegible = async () => {
        const faults = {
          excessWidth: await excessWidth(tab),
          overlaps: await overlaps(tab),
          brokenRules: await brokenRules(tab),
          smallTargets: viewport.width < 768 ? await smallTargets(tab) : [],
        }
        const none = { excessWidth: 0, overlaps: [], brokenRules: [], smallTargets: [] }
        expect({ at: tab.url(), ...faults }).toEqual({ at: tab.url(), ...none })
      }
      await isLegible()
      await tab.getByText('More options').click()
      await isLegible()
      await page.bind({ ...alice, jid: `alice@localhost/${'a-long-resource-'.repeat(8)}${'x'.repeat(80)}` })
      await isLegible()
      await page.attach()
      await page.shows('Round trip', /^\d+ ms$/)
      await isLegible()
      await page.logOut()
      await isLegible()
      await page.goto('/warm')
      await page.logIn({ ...alice, password: 'wrong' })
      await tab.getByRole('alert').getByText('The user is not logged in.').waitFor()
      await isLegible()
      const { id } = await stage.service.bind({ ...alice, jid: `alice@localhost/${'a-long-resource-'.repeat(8)}` })
      await stage.service.bind(bobs)
      const end = `/warm/${id}/end`
      const lists = [
        '',
        '/end?jid=alice@localhost',
        `/end?id=${id}`,
        '?state=held',
        '?jid=alice',
        '?limit=1',
        '?refresh=60',
        '?jid=alice@localhost&refresh=60',
      ]
      for (const path of [
        '/',
        '/nowhere',
        ...['numbers', 'failures', 'audit', 'audit?jid=bob@localhost&limit=1'].map(path => `/warm/${path}`),
        '/warm/sign-out',
        ...['/warm/docs/', '/warm/docs/api', '/warm/docs/capacity'],
        ...lists.map(query => `/warm/sessions${query}`),
        `/warm/${id}`,
        end,
      ]) {
        await page.goto(path)
        await isLegible()
      }
      await page.button('End the session').click()
      await page.says(/was ended/)
      await isLegible()
      // Nothing runs in these pages, so that axe would not run either.
      for (const path of ['/http-bind', '/xmpp-websocket']) {
        const { text: body } = await ask(stage.service.url + path)
        await tab.route(`**${path}-copy`, route => route.fulfill({ contentType: 'application/xhtml+xml', body }))
        await page.goto(`${path}-copy`)
        await isLegible()
      }
      await page.goto('/warm/sessions')
      await tab.getByText('What the states mean').click()
      await isLegible()
      // Chromium shows this page to users who cancel the login dialog. Playwright never shows it.
      const { text: body } = await ask(`${stage.service.url}/warm`)
      expect(body).toContain('Unauthorized')
      await tab.route('**/canceled', route => route.fulfill({ contentType: 'application/xhtml+xml', body }))
      await page.goto('/canceled')
      await isLegible()
      await callSessions(stage.service.url, 'DELETE', '/sessions?jid=bob@localhost')
    })
  }

  test('show screen readers the sessions as a table', async () => {
    const page = await stage.open()
    const { jid, id } = await stage.service.bind(alice)
    await page.goto(`/warm/sessions?${new URLSearchParams({ jid })}`)
    const tree = await page.tab.locator('table').ariaSnapshot()
    expect(tree).toContain('columnheader "Quiet for"')
    expect(tree).toContain(`rowheader "${jid}"`)
    expect(tree).toContain(`checkbox "Select the session of ${jid}"`)
    await callSessions(stage.service.url, 'DELETE', `/${id}`)
  })
})
