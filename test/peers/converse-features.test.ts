// Converse in Chromium attaches to sessions that its portal warms: alone, and with the module. What it does with the XMPP
// server through these sessions, the service knows nothing of.
import { expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { eitherChromium, sharedChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { fewOrAll, testRest } from '../support/matrix.js'
import { callSessions } from '../support/sessions-api.js'
import type { ConverseWindow } from './converse-page.js'
import { describeWith } from './needs.js'
import { PagesStage } from './pages-stage.js'
import { bothServers } from './servers.js'
import { alice, bobs, passwords as users } from './user.js'

declare const window: ConverseWindow

const config = `
c2s_require_encryption = true
modules_enabled = {
  "roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "websocket", "smacks", "pep", "carbons", "http_errors"
}
Component "upload.localhost" "http_file_share"
  http_host = "localhost"
`

const kinds = bothServers(users, config, { uploads: true })

for (const { name, packages, start } of fewOrAll(kinds, kind => kind.name === 'Prosody'))
  describeWith([...packages, eitherChromium], `Converse, before ${name},`, () => {
    const stage = PagesStage.of({
      browser: eitherChromium,
      start,
      environment: portal => ({ CORS_ORIGINS: portal }),
      async answer(_path, tab): Promise<object> {
        const binding = await stage.service.bind({ ...stage.account, visit: stage.account.jid, tab })
        bound.push(binding.jid)
        return binding
      },
    })
    const bound: string[] = []

    const isHeld = async () =>
      (await callSessions(stage.service.url, 'GET', `/sessions?jid=${alice.jid}&state=held`)).json.total === 1

    test('alone, with prebind, connects, chats, resumes after a reload, and logs out', async () => {
      const { bob, converse } = stage
      const page = await stage.comeWithConverseAlone()
      await page.has('connected')
      const [jid = ''] = bound
      expect(await page.jid()).toBe(jid)
      await bob.chatsWith(page.in(bob.bareJid))
      await page.reads('lieber Kaffee ☕')

      await page.stopSendingOnceHeld(isHeld)
      await page.tab.goto('about:blank')
      // A reply to the request that the browser drops is lost: Converse alone continues with the next rid.
      await eventually('the service notices that the page is gone', async () => !(await isHeld()))
      bob.say(jid, 'while you reloaded')
      await bob.isUpToDate()
      await page.tab.goto(converse.url)
      await page.has('connected')
      expect(await page.jid()).toBe(jid)
      await page.receives(bob.bareJid, 'while you reloaded')
      await page.say(bob.bareJid, 'still here')
      expect(await bob.receives('still here')).toContain(jid)
      bob.say(jid, 'so am I')
      await page.receives(bob.bareJid, 'so am I')
      expect(bob.hasSeen(jid, 'unavailable')).toBe(false)
      expect(bound).toEqual([jid])

      const gone = bob.seesPresence(jid, 'unavailable')
      await Promise.all([page.logOut(), gone])
    })

    test('with the module uploads a file to the server, and sends its address', async () => {
      const { bob } = stage
      const visitor = await stage.comeWithConverse('websocket')
      await visitor.turnTo(bob.bareJid)
      await visitor.tab.locator('input.fileupload').setInputFiles({
        ...{ name: 'tea.txt', mimeType: 'text/plain', buffer: Buffer.from('Darjeeling') },
      })
      const message = await bob.receives('tea.txt')
      const [, url = ''] = /<url>([^<]+)<\/url>/.exec(message) ?? []
      expect(await ask(url)).toMatchObject({ status: 200, text: 'Darjeeling' })
      expect(visitor.complaints).toEqual([])
    })

    // ejabberd 23.01 refuses the keys.
    if (name === 'Prosody')
      testRest('with the module encrypts messages end to end (OMEMO), also after a reload', async () => {
        // Keys must outlive the page.
        const settings = { clear_cache_on_logout: false, persistent_store: 'IndexedDB', omemo_default: true }
        await stage.bob.leave()
        stage.account = bobs
        const bob = await stage.comeWithConverse('bosh', { settings })
        await bob.turnTo(alice.jid)
        // A browser of her own.
        stage.account = alice
        const context = await (await sharedChromium(eitherChromium)).newContext()
        const writer = await stage.comeWithConverse('bosh', { settings }, context)
        const sent = bodiesOf(writer.tab)
        await writer.turnTo(bobs.jid)
        await writer.tab.waitForFunction(jid => window.inside.state.chatboxes.get(jid)?.get('omemo_active'), bobs.jid)
        await writer.tab.waitForFunction(hasKeysOf, bobs.jid, { polling: 200 })
        for (const text of ['lieber Kaffee', 'oder Tee']) {
          await writer.say(bobs.jid, text)
          await bob.reads(text)
        }
        stage.account = bobs
        await bob.reload()
        await bob.turnTo(alice.jid)
        await writer.say(bobs.jid, 'noch Tee')
        await bob.reads('noch Tee')
        expect(sent()).toMatch(/<encrypted xmlns=.urn:xmpp:omemo:2/)
        expect(sent()).not.toMatch(/lieber Kaffee|oder Tee|noch Tee/)
        await context.close()
      })
  })

/**
 * Converse publishes its keys (`urn:xmpp:omemo:2`) two to three seconds after its device. A message to a device
 * without keys is not sent.
 */
async function hasKeysOf(jid: string): Promise<boolean> {
  const { devices } = await window.inside.api.omemo.devicelists.get(jid, true, 'urn:xmpp:omemo:2')
  const keys: Promise<object>[] = devices.map((device: { getBundle(): Promise<object> }) => device.getBundle())
  return keys.length > 0 && (await Promise.allSettled(keys)).every(({ status }) => status === 'fulfilled')
}

function bodiesOf(tab: Page): () => string {
  const bodies: string[] = []
  tab.on('request', request => bodies.push(request.postData() ?? ''))
  return () => bodies.join('\n')
}
