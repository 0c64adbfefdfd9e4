// Converse in Chromium with the service's module for it: reloads, tabs, sign-out, both transports, both ways to log in.
import { randomBytes } from 'node:crypto'
import { beforeEach, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { pageSecret, pageToken, settingsForPages } from '../support/page-token.js'
import { callSessions } from '../support/sessions-api.js'
import { admin } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { describeWith } from './needs.js'
import { PagesStage, transports } from './pages-stage.js'
import { bothServers } from './servers.js'
import { alice, bobs, passwords } from './user.js'

declare const sessionStorage: object

const visit = 'v1'

const ways = [
  { source: 'binding', transport: 'websocket' },
  { source: 'token', transport: 'bosh' },
  { source: 'binding', transport: 'bosh' },
  { source: 'token', transport: 'websocket' },
] as const

for (const kind of bothServers(passwords)) {
  describeWith([...kind.packages, kind.browser], `Converse with the module, before ${kind.name}`, () => {
    const { file } = testFolder()
    let credential: string | undefined
    let isSignedIn: boolean
    /** Calls that the backend cannot answer. */
    let faults: number

    const stage = PagesStage.of({
      browser: kind.browser,
      start: kind.start,
      environment: portal => ({
        ...settingsForPages(portal, file('secrets', pageSecret)),
        XMPP_SERVICE_ACCOUNTS: '',
        PAGE_TOKEN_LOGIN: 'credential',
        PAGE_ADMIN: admin.name,
        SEAL_KEY_FILE: file('keys', randomBytes(32).toString('base64')),
      }),
      async answer(path, tab): Promise<object | undefined> {
        if (faults-- > 0) throw new Error('There is no service.')
        if (!isSignedIn) return undefined
        if (path.endsWith('binding')) return stage.service.bind({ ...stage.account, visit, tab })
        credential ??= (await stage.service.warm({ ...alice, remember: 'on' })).json['credential'] as string
        return { token: pageToken({ visit, credential }) }
      },
    })

    beforeEach(() => {
      isSignedIn = true
      faults = 0
    })

    const signOut = async () => {
      isSignedIn = false
      await callSessions(stage.service.url, 'DELETE', `/sessions?visit=${visit}`)
    }

    const sessions = async () =>
      (await callSessions(stage.service.url, 'GET', `/sessions?visit=${visit}`)).json.sessions

    for (const way of ways)
      test(`with a ${way.source}, over ${way.transport}, keeps its session over reloads, until the user signs out`, async () => {
        const { bob, converse, service } = stage
        const withToken = { binding: undefined, service: service.url, token: '/chat/token' }
        const visitor = await stage.comeWithConverse(way.transport, way.source === 'token' ? withToken : {})
        const jid = await visitor.jid()
        await bob.seesPresence(jid, undefined)
        const isOverBosh = await visitor.tab.evaluate("inside.api.connection.isType('bosh')")
        expect(isOverBosh).toBe(way.transport === 'bosh')
        await visitor.seesContact(bob.bareJid, 'online')
        await visitor.turnTo(bob.bareJid)
        // A message that was not acknowledged before the sign-out comes again in the next session, and so in the next test.
        const mark = `${way.source} over ${way.transport}`
        const texts = [`lieber Kaffee ☕ ${mark}`]
        bob.say(jid, texts[0]!)
        await visitor.reads(texts[0]!)

        for (let load = 1; load <= 2; load++) {
          await visitor.say(bob.bareJid, `Tee ${load}? ${mark}`)
          expect(await bob.receives(`Tee ${load}? ${mark}`)).toContain(jid)
          await visitor.tab.goto('about:blank')
          texts.push(`while you reloaded ${load} ${mark}`)
          bob.say(jid, texts.at(-1)!)
          await bob.isUpToDate()
          await visitor.tab.goto(converse.url)
          await visitor.has('online')
          expect(await visitor.jid()).toBe(jid)
          await visitor.turnTo(bob.bareJid)
          for (const text of texts) await visitor.reads(text)
          await visitor.seesContact(bob.bareJid, 'online')
        }
        texts.push(`the last ${mark}`)
        bob.say(jid, texts.at(-1)!)
        await visitor.reads(texts.at(-1)!)
        const shown = (await visitor.texts(bob.bareJid)).filter(text => text.endsWith(mark))
        expect(shown.sort()).toEqual([...texts].sort())
        for (const text of [...texts, `Tee 1? ${mark}`, `Tee 2? ${mark}`])
          expect([text, await visitor.count(text)]).toEqual([text, 1])
        expect(bob.hasSeen(jid, 'unavailable')).toBe(false)

        const gone = bob.seesPresence(jid, 'unavailable')
        await signOut()
        await gone
        await visitor.has('ended signed-out')
        await visitor.sees('You are not signed in any more.')
        expect(await visitor.tab.getByText('lieber Kaffee').count()).toBe(0)
        expect(await sessions()).toEqual([])
        expect(visitor.complaints).toEqual([])
      })

    test('has a session for each tab, also for a duplicated tab', async () => {
      const { bob } = stage
      const visitor = await stage.comeWithConverse('websocket')
      const duplicate = await visitor.duplicate()
      await duplicate.has('online')
      const jids = [await visitor.jid(), await duplicate.jid()]
      expect(new Set(jids).size).toBe(2)
      for (const tab of [visitor, duplicate]) {
        await tab.turnTo(bob.bareJid)
        bob.say(await tab.jid(), `to ${await tab.jid()}`)
      }
      for (const tab of [visitor, duplicate]) await tab.reads(`to ${await tab.jid()}`)
      expect((await sessions()).map(({ jid }: { jid: string }) => jid).sort()).toEqual(jids.sort())
      await signOut()
      for (const tab of [visitor, duplicate]) await tab.has('ended signed-out')
    })

    test('shows a message once that the service sends again', async () => {
      const { bob } = stage
      const visitor = await stage.comeWithConverse('bosh')
      const jid = await visitor.jid()
      await visitor.turnTo(bob.bareJid)
      for (const [text, id] of [
        ['with an id', "id='m1'"],
        ['without an id', ''],
      ] as const) {
        // The service does not learn that the page has the message.
        await visitor.stopSending()
        bob.send(`<message xmlns='jabber:client' type='chat' ${id} to='${jid}'><body>${text}</body></message>`)
        await visitor.reads(text)
        await visitor.reload()
        await visitor.turnTo(bob.bareJid)
        bob.say(jid, `after ${text}`)
        await visitor.reads(`after ${text}`)
        expect([text, await visitor.count(text)]).toEqual([text, 1])
      }
    })

    for (const transport of transports)
      test(`shows all messages of a contact without a chat, in their order, over ${transport}`, async () => {
        const { bob } = stage
        const visitor = await stage.comeWithConverse(transport)
        const jid = await visitor.jid()
        const texts = Array.from({ length: 10 }, (_, index) => `${transport} number ${index}`)
        const write = (text: string, index: number) =>
          `<message xmlns='jabber:client' type='chat' id='${transport}${index}' to='${jid}'><body>${text}</body></message>`
        bob.send(texts.map(write).join(''))
        const taken = async () => (await visitor.texts(bob.bareJid)).filter(text => texts.includes(text))
        await eventually('it has all', async () => (await taken()).length === texts.length)
        expect(await taken()).toEqual(texts)
        await visitor.turnTo(bob.bareJid)
        for (const text of texts) await visitor.reads(text)
      })

    for (const transport of transports)
      test(`shows what it had not yet stored when its page was left, over ${transport}`, async () => {
        const { bob } = stage
        const visitor = await stage.comeWithConverse(transport)
        const jid = await visitor.jid()
        await visitor.turnTo(bob.bareJid)
        await visitor.tab.evaluate('inside.api.chats.get = () => new Promise(() => (window.isTaking = true))')
        const texts = ['one', 'two', 'three'].map(number => `${number} when left, over ${transport}`)
        for (const text of texts) bob.say(jid, text)
        await eventually('it has the first', () => visitor.tab.evaluate('window.isTaking === true'))
        await bob.isUpToDate()
        // The page acknowledges what came before the first answer.
        for (let asked = 0; asked < 2; asked++)
          expect(await visitor.tab.evaluate("inside.api.ping('localhost')")).toBe(true)
        await visitor.reload()
        await visitor.turnTo(bob.bareJid)
        for (const text of texts) await visitor.reads(text)
        const shown = (await visitor.texts(bob.bareJid)).filter(text => texts.includes(text))
        expect(shown).toEqual(texts)
      })

    test('keeps the messages if the portal fails for ten minutes', async () => {
      // In the page, pauses are fifty times shorter.
      await stage.context.addInitScript(`const { setTimeout: set } = window
        setTimeout = (act, time, ...given) => set(act, time >= 500 && time <= 60_000 ? time / 50 : time, ...given)`)
      const { bob } = stage
      const visitor = await stage.comeWithConverse('websocket')
      await visitor.turnTo(bob.bareJid)
      bob.say(await visitor.jid(), 'lieber Kaffee')
      await visitor.reads('lieber Kaffee')
      const [{ id }] = await sessions()
      faults = 15
      await callSessions(stage.service.url, 'DELETE', `/${id}`)
      await visitor.has('online', 2)
      expect(faults).toBeLessThan(0)
      await visitor.reads('lieber Kaffee')
      bob.say(await visitor.jid(), 'noch Tee')
      await visitor.reads('noch Tee')
    })

    test('goes on from the last page of its tab if the user goes back', async () => {
      const { bob } = stage
      const visitor = await stage.comeWithConverse('websocket')
      const { tab } = visitor
      const jid = await visitor.jid()
      await visitor.turnTo(bob.bareJid)
      await visitor.say(bob.bareJid, 'back 1')
      await bob.receives('>back 1<')
      // An inner page shares the storage of the tab, as the next page does.
      await tab.evaluate(`dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))
        document.body.append(Object.assign(document.createElement('iframe'), { src: location.href }))`)
      const later = tab.frames()[1]!
      await later.waitForFunction("window.noted?.statuses.includes('online')")
      bob.say(jid, 'to the last page')
      await later.locator('converse-chat-message').getByText('to the last page').waitFor()
      await later.evaluate(`void inside.api.chats.open('${bob.bareJid}', {}, true)
        .then(chat => chat.sendMessage({ body: 'back 2' }))`)
      await bob.receives('>back 2<')
      await later.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
      await tab.evaluate(`document.querySelector('iframe').remove()
        dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`)
      await visitor.has('online', 2)
      await visitor.say(bob.bareJid, 'back 3')
      await bob.receives('>back 3<')
      expect(bob.texts.filter(text => text.startsWith('back'))).toEqual(['back 1', 'back 2', 'back 3'])
      for (const text of ['to the last page', 'back 1', 'back 2', 'back 3']) await visitor.reads(text)
      expect(await visitor.jid()).toBe(jid)
    })

    for (const transport of transports)
      test(`shows that a message is too long for the service, and sends the others, over ${transport}`, async () => {
        const { bob } = stage
        const visitor = await stage.comeWithConverse(transport)
        await visitor.turnTo(bob.bareJid)
        await visitor.say(bob.bareJid, `${transport} long ${'y '.repeat(140_000)}`)
        await visitor.say(bob.bareJid, `${transport} after it`)
        await bob.receives(`>${transport} after it<`)
        await visitor.tab.locator('.chat-msg__error', { hasText: 'The message is too long.' }).waitFor()
        await visitor.has('online', 2)
        await visitor.say(bob.bareJid, `${transport} later`)
        await bob.receives(`>${transport} later<`)
        // What followed may come twice, with its id, because its session has ended.
        const arrived = new Set(bob.texts.filter(text => text.startsWith(`${transport} `)))
        expect([...arrived]).toEqual([`${transport} after it`, `${transport} later`])
      })

    test('stores only the beginning of long messages', async () => {
      const { bob } = stage
      const visitor = await stage.comeWithConverse('bosh')
      const jid = await visitor.jid()
      await visitor.turnTo(bob.bareJid)
      const hidden =
        "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'/></html>"
      for (let number = 0; number < 4; number++) {
        bob.send(
          `<message xmlns='jabber:client' type='chat' id='long${number}' to='${jid}'>${number < 3 ? hidden : ''}<body>${number} ${'y'.repeat(240_000)}</body></message>`,
        )
        await bob.isUpToDate()
      }
      bob.say(jid, 'after the long messages')
      await visitor.reads('after the long messages')
      const stored = await visitor.tab.evaluate(() => Object.values(sessionStorage).join('').length)
      expect(stored).toBeLessThan(200_000)
      await visitor.reload()
      expect(await visitor.jid()).toBe(jid)
      await visitor.turnTo(bob.bareJid)
      await visitor.reads('after the long messages')
      expect((await visitor.texts(bob.bareJid)).filter(text => text.startsWith('3 yyy'))).toHaveLength(1)
    })

    test('stores and shows nothing of the earlier user to the next user of the tab', async () => {
      const { bob } = stage
      const visitor = await stage.comeWithConverse('websocket')
      await visitor.turnTo(bob.bareJid)
      bob.say(await visitor.jid(), 'for Alice alone')
      await visitor.reads('for Alice alone')
      stage.account = bobs
      await visitor.reload()
      expect(await visitor.jid()).toContain('bob@')
      await visitor.turnTo(bob.bareJid)
      expect(await visitor.tab.getByText('for Alice alone').count()).toBe(0)
      const stored = await visitor.tab.evaluate(() => JSON.stringify(sessionStorage))
      expect(stored).toContain('bob@')
      expect(stored).not.toMatch(/for Alice alone|converse.session-alice@/)
    })
  })
}
