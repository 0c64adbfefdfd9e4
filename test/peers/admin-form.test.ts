// The service's form in Chromium, and the session that it opens.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { sharedChromium } from '../support/chromium.js'
import { startProsody } from '../support/prosody.js'
import { AdminPage } from './admin-page.js'
import { describeWith } from './needs.js'
import { PagesStage } from './pages-stage.js'
import { alice, passwords } from './user.js'

describeWith(['prosody', 'openssl', 'chromium'], 'The admin form at Prosody', () => {
  const stage = PagesStage.of({ browser: 'chromium', start: () => startProsody({ users: passwords }) })
  let page: AdminPage

  beforeEach(async () => {
    page = await AdminPage.open(await sharedChromium(), stage.service.url)
  })

  afterEach(() => page?.close())

  test('logs a user in, attaches, shows the live session, and logs out', async () => {
    const { bob, service } = stage
    await page.bind(alice)
    expect(await page.tab.title()).toBe('Logged in · Warm Bindings')
    expect(await page.tab.evaluate('document.contentType')).toBe('application/xhtml+xml')
    const { jid } = await page.binding()
    expect(jid).toMatch(/^alice@localhost\/.+/)

    await page.attach()
    await bob.seesPresence(jid, undefined)
    await page.shows('You are', jid)
    await page.shows('Round trip', /^\d+ ms$/)
    await page.shows('Contacts', /^1$/)
    await page.shows('Last message', 'none yet')
    // Only this page can use the values now, and the session ends if the tab leaves it.
    expect(await page.tab.getByRole('button', { name: /^Copy/ }).count()).toBe(0)
    expect(await page.tab.getByRole('link', { name: 'This session' }).getAttribute('target')).toBe('_blank')
    bob.say(jid, 'Tee? &lt;ja&gt; &amp; nein ☕')
    await page.shows('Last message', /^bob@localhost: Tee\? <ja> & nein ☕$/)
    await page.shows('Connected for', /^[1-9]\d* s$/)
    await page.tab.locator('#to').fill(bob.bareJid)
    await page.tab.locator('#text').fill('Kaffee? <b> & ja')
    const heard = bob.receives('Kaffee? &lt;b&gt; &amp; ja')
    await page.button('Send').click()
    await heard
    await page.says('Sent.')

    const gone = bob.seesPresence(jid, 'unavailable')
    await page.logOut()
    await gone
    await page.tab.getByRole('heading', { level: 1, name: 'Logged out' }).waitFor()
    expect(await page.tab.getByRole('button').count()).toBe(0)
    expect(page.complaints).toEqual([])
    expect([...page.origins]).toEqual([service.url])
  })

  test('copies the values, and logs nobody in again when the result is reloaded or left by Back', async () => {
    await page.bind(alice)
    await page.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const { sid } = await page.binding()
    expect(page.tab.url()).not.toContain(sid)
    await page.button('Copy SID').click()
    await page.says('SID copied')
    expect(await page.tab.evaluate('navigator.clipboard.readText()')).toBe(sid)
    const logins = () => stage.service.lines.filter(line => line.includes('"msg":"warm"')).length
    const before = logins()
    await page.tab.reload()
    expect((await page.binding()).sid).toBe(sid)
    await page.tab.goBack()
    await page.button('Log this user in').waitFor()
    await page.tab.goForward()
    expect((await page.binding()).sid).toBe(sid)
    expect(logins()).toBe(before)
    await page.attach()
    await page.rests()
    await page.tab.reload()
    // The browser ends the session while it loads the page.
    await page.tab.getByRole('heading', { name: /^The (session has ended|values are used up)$/ }).waitFor()
  })
})
