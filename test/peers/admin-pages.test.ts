// The service's own pages in Chromium, which gets them as XML: the form, and the pages that follow it.
import { expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { sharedChromium } from '../support/chromium.js'
import { stoppedAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { freePorts } from '../support/ports.js'
import { callSessions } from '../support/sessions-api.js'
import { admin, startTestService } from '../support/start-service.js'
import { stageForAdmins } from './admin-page.js'
import { focused, showsFocus } from './legibility.js'
import { describeWith } from './needs.js'
import { alice, bobs, passwords, User } from './user.js'

describeWith(['chromium-headless-shell'], 'The admin pages', () => {
  const keep = stoppedAfterEach()
  const stage = stageForAdmins(passwords)

  test('log a user in and show the binding without JavaScript', async () => {
    const page = await stage.open({ javaScriptEnabled: false })
    await page.bind(alice)
    const { jid, sid, rid } = await page.binding()
    await page.tab.getByText('This requires JavaScript.').waitFor()
    expect(await page.tab.getByRole('button').count()).toBe(0)
    // Any client can use these values.
    const client = new BoshClient(`${stage.service.url}/http-bind`, { sid, rid })
    expect(await client.terminate()).toContain("type='terminate'")
    client.close()
    expect(jid).toMatch(/^alice@localhost\/.+/)
    await page.tab.getByRole('link', { name: 'Log another user in' }).click()
    await page.tab.getByRole('heading', { name: 'Log a user in' }).waitFor()
    expect(page.complaints).toEqual([])
  })

  test('log a user in, attach, show the live session, and log out', async () => {
    const page = await stage.open()
    const bob = await User.warm(stage.service, bobs)
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
    expect([...page.origins]).toEqual([stage.service.url])
    await bob.leave()
  })

  test('copy the values, and log nobody in again when the result is reloaded or left by Back', async () => {
    const page = await stage.open()
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

  test('work with the keyboard alone, with a visible focus', async () => {
    const page = await stage.open()
    const { keyboard } = page.tab
    const tabTo = async (name: string) => {
      await keyboard.press('Tab')
      expect([await focused(page.tab), await showsFocus(page.tab)]).toEqual([name, true])
    }
    const pages = ['Log a user in', 'Sessions', 'Numbers', 'Failures', 'Audit', 'Docs']
    for (const name of ['Skip to the content', 'Warm Bindings', ...pages, 'Sign out', 'jid']) await tabTo(name)
    await keyboard.type(alice.jid)
    await tabTo('password')
    await keyboard.type(alice.password)
    await tabTo('Log this user in')
    await keyboard.press('Enter')
    await page.button('Connect').waitFor()

    await tabTo('Skip to the content')
    await keyboard.press('Enter')
    for (const name of ['Copy', 'Copy', 'Copy', 'Copy', 'Connect']) await tabTo(name)
    await keyboard.press('Space')
    await page.says('Connected')
    expect(await focused(page.tab)).toBe('Disconnect')
    await keyboard.press('Enter')
    await page.says('Disconnected')
    expect([await focused(page.tab), await showsFocus(page.tab)]).toEqual(['Log another user in', true])
    await keyboard.press('Enter')
    await page.tab.getByRole('heading', { name: 'Log a user in' }).waitFor()
  })

  test('end a session with the keyboard alone, after a confirmation', async () => {
    const page = await stage.open()
    const { tab } = page
    const { id, jid } = await stage.service.bind(alice)
    const next = async () => {
      await tab.keyboard.press('Tab')
      expect([await focused(tab), await showsFocus(tab)]).toEqual([expect.any(String), true])
      return focused(tab)
    }
    await page.goto(`/warm/sessions?${new URLSearchParams({ search: jid })}`)
    const order = [await next()]
    while (!order.at(-1)!.startsWith('End') && order.length < 30) order.push(await next())
    expect(order[0]).toBe('Skip to the content')
    const columns = ['JID', 'State', 'Age', 'Quiet for']
    expect(order.slice(order.indexOf('Pause'))).toEqual([
      ...[
        'Pause',
        '1 in all',
        '1 no page yet',
        'What the states mean',
        'search',
        'state',
        'Filter',
        'All sessions',
        'More filters',
      ],
      ...[...columns, `pick-${id}`, jid, `End the session of ${jid}`],
    ])
    await tab.keyboard.press('Enter')
    await tab.getByRole('heading', { name: 'End this session?' }).waitFor()
    const skip = async () => {
      expect(await next()).toBe('Skip to the content')
      await tab.keyboard.press('Enter')
    }
    await skip()
    expect(await next()).toBe('Keep it')
    await tab.keyboard.press('Enter')
    await tab.getByRole('heading', { name: /^Session of/ }).waitFor()
    expect((await callSessions(stage.service.url, 'GET', `/${id}`)).status).toBe(200)
    await tab.goBack()
    await skip()
    expect([await next(), await next()]).toEqual(['Keep it', 'End the session'])
    await tab.keyboard.press('Enter')
    await page.says(/^The session of .* was ended/)
    expect((await callSessions(stage.service.url, 'GET', `/${id}`)).status).toBe(404)
    expect(page.complaints).toEqual([])
  })

  test('change in place, keep filter and selection, and end what is selected', async () => {
    const page = await stage.open()
    const { tab } = page
    const { id, jid } = await stage.service.bind(alice)
    await page.goto('/warm/sessions?search=localhost')
    await tab.getByText('1 session', { exact: true }).waitFor()
    await tab.locator('#search').fill('typed meanwhile')
    await tab.locator(`#pick-${id}`).check()
    const { id: second, jid: bob } = await stage.service.bind(bobs)
    await tab.getByText('2 in all').waitFor()
    await page.button('Show').click()
    await tab.getByRole('link', { name: bob, exact: true }).waitFor()
    expect(await tab.evaluate("document.getElementById('search').value")).toBe('typed meanwhile')
    expect(await tab.locator(`#pick-${id}`).isChecked()).toBe(true)
    await callSessions(stage.service.url, 'DELETE', `/${second}`)
    await tab.getByText('Changed', { exact: true }).waitFor()
    await page.button('Show').click()
    await tab.getByRole('link', { name: bob, exact: true }).waitFor({ state: 'detached' })
    await page.button('Select none').click()
    await page.button('Select it').click()
    await page.button('End 1 selected').click()
    await tab.getByRole('heading', { name: 'End 1 session?' }).waitFor()
    await tab.getByText(jid).waitFor()
    await page.button('End 1 session').click()
    await page.says(/^The session of .* was ended/)
    await tab.getByText('No session matches.').waitFor()
    expect(page.complaints).toEqual([])
  })

  test('sign the admin out without a dialog', async () => {
    const { origin } = new URL(stage.service.url)
    const context = await (await sharedChromium('chromium-headless-shell')).newContext()
    await keep({ stop: () => context.close() })
    const tab = await context.newPage()
    await tab.goto(`${origin.replace('//', `//${admin.name}:${admin.secret}@`)}/warm`)
    await tab.goto(`${origin}/warm/sessions`)
    await tab.locator('.banner').getByRole('link', { name: 'Sign out' }).click()
    await tab.getByRole('heading', { name: 'Signed out' }).waitFor()
    const again = tab.waitForResponse(`${origin}/warm`)
    await tab.getByRole('link', { name: 'Sign in again' }).click()
    expect((await again).status()).toBe(401)
  })

  test('show an error if the session ended before it was attached', async () => {
    const page = await stage.open()
    await page.bind(alice)
    const client = new BoshClient(`${stage.service.url}/http-bind`, await page.binding())
    await client.terminate()
    client.close()
    await page.button('Connect').click()
    await page.says('Ended')
    await page.tab.getByRole('alert').getByText('The service no longer knows this session.').waitFor()
  })

  test('attach at an EXTERNAL_URL of another origin, and end the session when left', async () => {
    const [port] = await freePorts(1)
    const environment = { PORT: String(port), EXTERNAL_URL: `http://localhost:${port}` }
    const elsewhere = await keep(startTestService({ demo: [passwords], environment }))
    const page = await stage.open({}, elsewhere)
    await page.bind(alice)
    await page.attach()
    await page.shows('Round trip', /^\d+ ms$/)
    expect([...page.origins]).toEqual([elsewhere.url, `http://localhost:${port}`])
    expect(elsewhere.service.counts().sessions).toBe(1)
    await page.rests()
    await page.tab.goto('about:blank')
    await eventually('the session ends', () => elsewhere.service.counts().sessions === 0)
    expect(page.complaints).toEqual([])
  })
})
