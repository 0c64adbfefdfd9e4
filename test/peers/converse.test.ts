// Converse in Chromium attaches to sessions that its portal warms.
import { expect, test } from '@jest/globals'
import { eitherChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { fewOrAll } from '../support/matrix.js'
import { callSessions } from '../support/sessions-api.js'
import { describeWith } from './needs.js'
import { PagesStage } from './pages-stage.js'
import { encryptedServers } from './servers.js'
import { alice, passwords } from './user.js'

for (const kind of fewOrAll(encryptedServers, ({ maker }) => maker === 'Prosody')) {
  describeWith([...kind.packages, eitherChromium], `Converse with prebind at ${kind.name}`, () => {
    const stage = PagesStage.of({
      browser: eitherChromium,
      start: () => kind.start(passwords),
      servers: kind.servers,
      async answer(): Promise<object> {
        const { jid, sid, rid } = await stage.service.bind(alice)
        bound.push(jid)
        return { jid, sid, rid }
      },
    })
    const bound: string[] = []

    const isHeld = async () =>
      (await callSessions(stage.service.url, 'GET', `/sessions?jid=${alice.jid}&state=held`)).json.total === 1

    test('connects, chats, resumes after a reload, and logs out', async () => {
      const { bob, converse } = stage
      const page = await stage.comeWithConverseAlone()
      await page.has('connected')
      const [jid = ''] = bound
      expect(await page.jid()).toBe(jid)
      await bob.seesPresence(jid, undefined)

      await page.say(bob.bareJid, 'Tee? <ja> & nein ☕')
      expect(await bob.receives('Tee? &lt;ja&gt; &amp; nein ☕')).toContain(jid)
      bob.say(jid, 'lieber Kaffee ☕')
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
      await page.has('logout')
    })
  })
}
