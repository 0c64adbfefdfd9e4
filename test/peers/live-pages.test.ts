// Pages that change in place, in Chromium.
import { expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { BoshClient } from '../support/bosh-client.js'
import { boshWelcome } from '../support/bosh-login.js'
import { eventually } from '../support/eventually.js'
import { startTestService } from '../support/start-service.js'
import { stageForAdmins } from './admin-page.js'
import { brokenRules, focused, showsFocus } from './legibility.js'
import { describeWith } from './needs.js'
import { alice } from './user.js'

/** Pages that wait five or 30 seconds for an update wait a tenth of a second, or for ever once `isManual` is set. */
const hasty = `const later = setTimeout
globalThis.setTimeout = (act, ms) => {
  if (ms !== 5_000 && (ms <= 25_000 || ms > 30_000)) return later(act, ms)
  globalThis.pause = ms
  globalThis.isWaiting = globalThis.isManual
  return globalThis.isManual ? 0 : later(act, 100)
}`

describeWith(['chromium-headless-shell'], 'Live pages', () => {
  const stage = stageForAdmins({ alice: alice.password })

  const opened = async (...about: Parameters<typeof stage.open>) => {
    const page = await stage.open(...about)
    await page.tab.addInitScript(hasty)
    return page
  }

  const waiting = (tab: Page, count: number) =>
    tab
      .getByRole('listitem')
      .filter({ hasText: new RegExp(`^${count} no page yet$`) })
      .waitFor()

  test('change in place, keep the focus, and can be paused with the keyboard', async () => {
    const page = await opened()
    await page.goto('/warm/numbers')
    const { tab } = page
    await waiting(tab, 0)
    await tab.evaluate("window.mark = document.querySelector('#figures a').focus()")
    expect(await focused(tab)).toBe('0 logging in')
    await stage.service.bind(alice)
    await waiting(tab, 1)
    expect(await focused(tab)).toBe('0 logging in')
    expect(await tab.evaluate("'mark' in window")).toBe(true)
    await page.button('Pause').focus()
    await tab.keyboard.press('Enter')
    await tab.getByText('Paused', { exact: true }).waitFor()
    expect([await focused(tab), await showsFocus(tab)]).toEqual(['Resume updates', true])
    const asOf = await tab.locator('#made').innerText()
    await stage.service.bind(alice)
    expect(await brokenRules(tab)).toEqual([])
    expect(await tab.locator('#made').innerText()).toBe(asOf)
    await tab.keyboard.press('Enter')
    await waiting(tab, 2)
    expect(page.complaints).toEqual([])
  })

  test('show a failed login with its user, and link to its log lines', async () => {
    const page = await opened()
    const { tab } = page
    await page.goto('/warm/failures')
    await tab.getByText('No login was refused, and none failed.').waitFor()
    await stage.service.warm({ ...alice, password: 'wrong' })
    await tab.getByRole('heading', { name: /^The XMPP server refused the user name/ }).waitFor()
    expect(await brokenRules(tab)).toEqual([])
    const stranger = new BoshClient(`${stage.service.url}/http-bind`)
    const guess = { user: '<b>eve', domain: 'localhost', password: 'guessed' }
    await expect(boshWelcome(stranger, guess)).rejects.toThrow('not-authorized')
    stranger.close()
    await tab.getByText('<b>eve@localhost').waitFor()
    await tab.getByText('2 times').waitFor()
    await tab.getByRole('link', { name: 'alice@localhost' }).click()
    await tab.getByRole('row', { name: /wrong user or password/ }).waitFor()
    await tab.getByRole('row', { name: /login of a client/ }).waitFor({ state: 'detached' })
    await stage.service.warm({ ...alice, password: 'wrong' })
    await tab
      .getByRole('row', { name: /wrong user or password/ })
      .nth(1)
      .waitFor()
    expect(page.complaints).toEqual([])
  })

  test('keep the rows in place that are below the pointer, selected, or have the focus', async () => {
    const page = await opened()
    await stage.service.bind(alice)
    await page.goto('/warm/sessions')
    const { tab } = page
    const rows = tab.locator('.rows tbody tr')
    const ids = () => rows.evaluateAll(all => all.map(({ id }) => id))
    const [link, box] = [rows.first().locator('.danger'), rows.first().locator('input')]
    let before: string[]
    const waits = async () => {
      before = await ids()
      await stage.service.bind(alice)
      await tab.getByText('1 new', { exact: true }).waitFor()
      expect(await ids()).toEqual(before)
    }
    const areShown = async () => {
      await rows.nth(before.length).waitFor()
      expect((await ids()).slice(1)).toEqual(before)
      await tab.getByText('Live', { exact: true }).waitFor()
    }
    expect(await page.button('End selected').isDisabled()).toBe(true)
    await link.hover()
    await waits()
    await link.focus()
    await tab.mouse.move(0, 0)
    expect(await ids()).toEqual(before!)
    await page.button('Pause').focus()
    await areShown()
    await box.press('Space')
    await page.button('End 1 selected').focus()
    await waits()
    await page.button('Show').press('Enter')
    await areShown()
    expect(await focused(tab)).toBe('Pause')
    // Its box is now in the second row.
    await rows.nth(1).locator('input:checked').press('Space')
    expect(await page.button('End selected').isDisabled()).toBe(true)
    expect(page.complaints).toEqual([])
  })

  test('show since when the service has not answered, and continue when it answers', async () => {
    let service = await startTestService()
    const page = await opened({}, service)
    await page.goto('/warm/numbers')
    const { tab } = page
    await tab.getByText('Live', { exact: true }).waitFor()
    await service.stop()
    await page.says(/^Offline since \d\d:\d\d:\d\d UTC\. Trying again…$/)
    await expect(tab.getByText('Live', { exact: true }).count()).resolves.toBe(0)
    expect(await brokenRules(tab)).toEqual([])
    await tab.evaluate('globalThis.isManual = true')
    await eventually('the page waits', () => tab.evaluate<boolean>('globalThis.isWaiting === true'))
    service = await startTestService({ environment: { PORT: new URL(service.url).port } })
    await page.button('Try now').click()
    await tab.getByText('Live', { exact: true }).waitFor()
    await service.stop()
  })

  test('wait as long as the service says that it limits the calls of their user, and continue', async () => {
    const page = await opened()
    const { tab } = page
    let isLimited = true
    await tab.route('**/warm/numbers', (route, request) =>
      request.headers()['x-live'] === 'on' && isLimited
        ? route.fulfill({ status: 429, headers: { 'Retry-After': '30' } })
        : route.continue(),
    )
    await page.goto('/warm/numbers')
    await tab.getByText(/^Offline since /).waitFor()
    const waitsLonger = () => eventually('a longer wait', () => tab.evaluate<boolean>('globalThis.pause > 25_000'))
    await waitsLonger()
    // Nothing is fetched when the tab is hidden and shown.
    await tab.evaluate('globalThis.isManual = true')
    await eventually('the page waits', () => tab.evaluate<boolean>('globalThis.isWaiting === true'))
    await tab.evaluate(`globalThis.pause = 0
      let isHidden = true
      Object.defineProperty(document, 'hidden', { get: () => isHidden, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
      globalThis.isManual = isHidden = false
      document.dispatchEvent(new Event('visibilitychange'))`)
    await waitsLonger()
    isLimited = false
    await tab.getByText('Live', { exact: true }).waitFor()
    expect(await tab.evaluate('globalThis.pause')).toBe(5_000)
  })

  test('are complete without JavaScript', async () => {
    const page = await stage.open({ javaScriptEnabled: false })
    await page.goto('/warm/numbers')
    await page.tab.getByText(/^\d+ now\b/).waitFor()
    await page.tab.getByRole('link', { name: 'Refresh' }).click()
    await page.tab.getByRole('heading', { name: 'Capacity' }).waitFor()
    await page.tab.getByRole('link', { name: 'Audit' }).click()
    await page.tab.locator('#action').selectOption('logout')
    await page.button('Filter').click()
    await page.tab.getByText('No line matches.').waitFor()
    await page.tab.getByRole('link', { name: 'Failures' }).click()
    await page.tab.getByRole('heading', { name: 'Failures' }).waitFor()
    expect(await page.tab.getByRole('button').count()).toBe(0)
    expect(page.complaints).toEqual([])
  })
})
