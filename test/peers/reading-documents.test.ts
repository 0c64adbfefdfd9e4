// The documents as an admin reads them in a browser: search, copies, links to sections, on paper.
import { beforeEach, expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { stageForAdmins } from './admin-page.js'
import { describeWith } from './needs.js'

declare const navigator: { readonly clipboard: { readText(): Promise<string> } }
declare const window: { readonly innerWidth: number }
declare const document: { readonly documentElement: { readonly scrollWidth: number } }

describeWith(['chromium-headless-shell'], 'The documents', () => {
  const stage = stageForAdmins({ alice: 'wonderland' })
  const requests: string[] = []
  let complaints: readonly string[]
  let tab: Page

  beforeEach(async () => {
    const page = await stage.open()
    tab = page.tab
    requests.length = 0
    complaints = page.complaints
    tab.on('request', request => requests.push(request.url()))
    await page.goto('/warm/docs/settings')
  })

  const results = () => tab.locator('.found li')
  const search = async (words: string) => {
    await tab.getByRole('searchbox', { name: 'Search' }).fill(words)
    await tab
      .locator('#found')
      .filter({ hasText: /section/ })
      .waitFor()
  }

  test('are searched over all pages, in texts that are fetched at the first word', async () => {
    expect(requests.filter(url => url.endsWith('search.json'))).toEqual([])
    await search('no-mechanism')
    expect(await results().first().locator('a').innerText()).toBe('Every error: no-mechanism')
    await search('PEER_LISTEN')
    expect(await results().first().locator('a').innerText()).toBe('Every setting: PEER_LISTEN')
    await search('kubernetes drain_time')
    expect(await results().locator('mark').first().innerText()).toMatch(/kubernetes|drain_time/i)
    expect(await tab.locator('#found').innerText()).toMatch(/^\d+ sections?/)
    expect(requests.filter(url => url.endsWith('search.json'))).toHaveLength(1)
    expect([...new Set(requests.map(url => new URL(url).origin))]).toEqual([new URL(stage.service.url).origin])
    expect(complaints).toEqual([])
  })

  test('are left for the section that was found, with the keyboard alone', async () => {
    await search('pages ask for new sessions')
    await search('no-mechanism')
    await tab.keyboard.press('Enter')
    await tab.keyboard.press('Enter')
    await tab.waitForURL(/\/warm\/docs\/errors#no-mechanism$/)
    expect(await tab.locator('tr:target').innerText()).toContain('no-mechanism')
  })

  test('show nothing found, and hide the results when the field is empty', async () => {
    await search('xyzzy <b>(')
    expect(await tab.locator('#found').innerText()).toBe('0 sections')
    await tab.keyboard.press('Escape')
    await tab.locator('.found').waitFor({ state: 'hidden' })
    expect(complaints).toEqual([])
  })

  test('have a button at each listing, which copies it', async () => {
    await tab.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await tab.goto(new URL('/warm/docs/production', stage.service.url).href)
    const listing = tab.locator('.listing').first()
    const text = await listing.locator('code').textContent()
    await listing.getByRole('button').click()
    await tab.getByText('listing 1 copied').waitFor({ state: 'attached' })
    expect(await tab.evaluate(() => navigator.clipboard.readText())).toBe(text)
    expect(await tab.locator('pre').count()).toBe(await tab.locator('.listing button').count())
  })

  test('have a link at each heading, and lead on at the end', async () => {
    await tab.goto(new URL('/warm/docs/production', stage.service.url).href)
    await tab.locator('#behind-a-proxy').hover()
    await tab.locator('#behind-a-proxy .anchor').click()
    expect(new URL(tab.url()).hash).toBe('#behind-a-proxy')
    await tab.getByRole('navigation', { name: 'Previous and next document' }).getByText('Tune and scale').click()
    await tab.waitForURL(/\/warm\/docs\/tuning$/)
    await tab.waitForFunction(() => window.innerWidth >= document.documentElement.scrollWidth)
  })

  test('are printed without what serves only on a screen', async () => {
    await tab.emulateMedia({ media: 'print' })
    const hidden = ['search', 'shelf', 'outline', 'contents', 'anchor', 'turn', 'listing button', 'banner']
    for (const selector of hidden.map(name => `.${name}`))
      for (const each of await tab.locator(selector).all())
        expect([selector, await each.isVisible()]).toEqual([selector, false])
    expect(await tab.getByRole('heading', { name: 'Every setting' }).isVisible()).toBe(true)
  })
})
