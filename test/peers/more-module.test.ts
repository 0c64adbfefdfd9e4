// The second module for pages, in Chromium, before Prosody and ejabberd: who is typing, what was read, earlier messages,
// names.

import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import type { Earlier, Person, Typing } from '../../dist/types/browser/more.js'
import { eventually } from '../support/eventually.js'
import type { ModuleWindow } from './module-page.js'
import { describeWith } from './needs.js'
import { PagesStage } from './pages-stage.js'
import { bothServers } from './servers.js'
import { alice, befriend, bobs, passwords, User } from './user.js'

interface Told {
  readonly typing: (readonly [from: string, isTyping: boolean])[]
  readonly read: (readonly [from: string, id: string])[]
  readonly seen: readonly string[]
  /** Ids of requests. */
  readonly answered: readonly string[]
  readonly people: readonly Person[]
}

interface More {
  readonly typing: Typing
  readonly earlier: (jid: string, options?: object) => Promise<Earlier>
}

declare const window: ModuleWindow & { told: Told; more: More }

/** The user reads everything at once. */
const introduce = `(chat, { earlier, people, readMarks, typing }) => {
  window.told = { typing: [], read: [], seen: [], people: [], answered: [] }
  window.more = {
    typing: typing(chat, (from, is) => told.typing.push([from, is])),
    earlier: (jid, options) => earlier(chat, jid, options),
  }
  const marks = readMarks(chat, (from, id) => told.read.push([from, id]))
  people(chat, all => Object.assign(told, { people: all }))
  const { connection } = chat
  const send = connection.send.bind(connection)
  connection.send = stanza => {
    if (stanza.getAttribute('type') === 'result') told.answered.push(stanza.getAttribute('id'))
    send(stanza)
  }
  chat.addEventListener('message', ({ detail }) => {
    marks.read(detail)
    window.told.seen.push(detail.id)
  })
}`

const users = { ...passwords, carol: 'tea' }
const carols = { jid: 'carol@localhost', password: users.carol }
const modules = '"roster", "saslauth", "tls", "disco", "posix", "bosh", "mam", "carbons", "vcard_legacy", "pep"'

const kinds = bothServers(users, `modules_enabled = { ${modules} }`, {
  modules: '  mod_mam:\n    default: always\n  mod_carboncopy: {}\n  mod_vcard: {}',
})

for (const { name, packages, browser, start } of kinds)
  describeWith([...packages, browser], `The second module at ${name}`, () => {
    const transport = name === 'Prosody' ? 'bosh' : 'websocket'
    const stage = PagesStage.of({ browser, start, page: { transport, introduce } })

    const say = (inside: string, id = 'b1') =>
      stage.bob.send(`<message xmlns='jabber:client' type='chat' to='alice@localhost' id='${id}'>${inside}</message>`)
    const state = (word: string) => `<${word} xmlns='http://jabber.org/protocol/chatstates'/>`

    test('tells who is typing, and is silent to those who do not know such notices', async () => {
      const page = await stage.come()
      const { tab } = page
      await tab.evaluate(to => window.more.typing.tell(to), bobs.jid)
      await page.say(bobs.jid, 'hello')
      await stage.bob.receives('hello')
      expect(stage.bob.received).not.toContain('<composing')
      expect(stage.bob.received).toContain('<active xmlns=')
      say(state('composing'))
      await tab.waitForFunction(() => window.told.typing.length === 1)
      say(`<body>tea?</body>${state('active')}`)
      await tab.waitForFunction(() => window.told.typing.length === 2)
      expect(await tab.evaluate(() => window.told.typing)).toEqual([
        [bobs.jid, true],
        [bobs.jid, false],
      ])
      await tab.evaluate(to => window.more.typing.tell(to), bobs.jid)
      await tab.evaluate(to => window.more.typing.tell(to), bobs.jid)
      await tab.evaluate(to => window.more.typing.stop(to), bobs.jid)
      await page.say(bobs.jid, 'a last word')
      await stage.bob.receives('a last word')
      expect(stage.bob.received.match(/<composing/g)).toHaveLength(1)
    })

    test('tells what was read, if the sender has asked', async () => {
      const page = await stage.come()
      const { tab } = page
      const id = await page.say(bobs.jid, 'read me')
      expect(await stage.bob.receives('read me')).toContain('<markable ')
      stage.bob.send(
        `<message xmlns='jabber:client' type='chat' to='alice@localhost'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`,
      )
      await tab.waitForFunction(() => window.told.read.length === 1)
      expect(await tab.evaluate(() => window.told.read)).toEqual([[bobs.jid, id]])
      say('<body>not asked</body>', 'b2')
      say("<body>asked</body><markable xmlns='urn:xmpp:chat-markers:0'/>", 'b3')
      await page.say(bobs.jid, 'after both')
      await stage.bob.receives("id='b3'")
      expect(stage.bob.received).not.toContain("id='b2'")
    })

    test('tells once what was read while the page was closed, and fills no archive at reloads', async () => {
      const mark = /<displayed [^>]*/g
      const asking = "<markable xmlns='urn:xmpp:chat-markers:0'/>"
      for (const id of ['c1', 'c2', 'c3']) say(`<body>${id}</body>${asking}`, id)
      await stage.bob.isUpToDate()
      stage.options = { ...stage.options, history: 50 }
      const page = await stage.come()
      const { tab } = page
      const reads = async (text: string) => {
        await tab.waitForFunction(() => window.told.seen.includes('c3'))
        await page.say(bobs.jid, text)
        await stage.bob.receives(text)
        return stage.bob.received.match(mark) ?? []
      }
      expect(await reads('first')).toEqual([expect.stringContaining("id='c3'")])
      await page.reload()
      // ejabberd does not archive marks, so the page cannot know of the first one.
      expect(await reads('second')).toHaveLength(name === 'Prosody' ? 1 : 2)
    })

    test('fetches earlier messages of one person in pages, and takes no forged ones', async () => {
      const { tab } = await stage.come()
      // The server knows that the page is there, and delivers to it what its archive then has.
      await tab.waitForFunction(() => window.told.people[0]?.isAvailable)
      for (const text of ['1', '2', '3', '4', '5']) say(`<body>${text} of five</body>`, text)
      await tab.waitForFunction(() => window.told.seen.includes('5'))
      const fetched = async (options: object) => {
        const page = await tab.evaluate(([jid, options]) => window.more.earlier(jid as string, options as object), [
          bobs.jid,
          options,
        ] as const)
        return [
          page.messages.filter(({ body }) => body?.includes('of five')).map(({ body }) => body?.[0]),
          page.before,
        ] as const
      }
      // ejabberd delivers a message before its archive has it.
      await eventually('the archive has all', async () => (await fetched({ most: 1 }))[0][0] === '5')
      const [newest, before] = await fetched({ most: 3 })
      expect([newest, typeof before]).toEqual([['3', '4', '5'], 'string'])
      const [older] = await fetched({ most: 50, before })
      expect(older).toEqual(['1', '2'])
      const [, end] = await fetched({ most: 100 })
      expect(end).toBeUndefined()
    })

    test('knows who was available before the page was online', async () => {
      // What the server sends in the time of one reply comes with the next.
      await stage.context.route('**/http-bind', async route => {
        const response = await route.fetch()
        await pause(200)
        // The page may be gone by then.
        await route.fulfill({ response }).catch(() => {})
      })
      const page = await stage.come()
      const { tab } = page
      await tab.waitForFunction(() => window.told.people[0]?.isAvailable)
      await stage.context.unrouteAll({ behavior: 'ignoreErrors' })
    })

    test('names people as the contact list or their vCard does', async () => {
      stage.bob.send(
        "<iq xmlns='jabber:client' type='set' id='c'><vCard xmlns='vcard-temp'><FN>Bob B.</FN></vCard></iq>",
      )
      await stage.bob.isUpToDate()
      const { tab } = await stage.come()
      await tab.waitForFunction(() => window.told.people[0]?.name === 'Bob B.' && window.told.people[0].isAvailable)
      expect(await tab.evaluate(() => window.told.people)).toEqual([
        { jid: bobs.jid, name: 'Bob B.', isAvailable: true },
      ])
    })

    test('shows at once who becomes a contact, and who is no contact any more, and takes no forged list', async () => {
      const page = await stage.come()
      const { tab } = page
      await tab.waitForFunction(() => window.told.people.length === 1)
      const forged = `<query xmlns='jabber:iq:roster'><item jid='mallory@localhost' subscription='both'/></query>`
      stage.bob.send(`<iq xmlns='jabber:client' type='set' to='${await page.jid()}' id='forged'>${forged}</iq>`)
      const own = await User.warm(stage.service, alice)
      const carol = await User.warm(stage.service, carols)
      await befriend(own, carol)
      await tab.waitForFunction(() => window.told.people.length > 1)
      await tab.waitForFunction(() => window.told.people.at(-1)?.isAvailable)
      const people = await tab.evaluate(() => window.told.people)
      expect(people.map(({ jid }) => jid)).toEqual([bobs.jid, carols.jid])
      const remove = `<query xmlns='jabber:iq:roster'><item jid='${carols.jid}' subscription='remove'/></query>`
      own.send(`<iq xmlns='jabber:client' type='set' id='remove'>${remove}</iq>`)
      await tab.waitForFunction(() => window.told.people.length === 1)
      const answered = await tab.evaluate(() => window.told.answered)
      expect(answered.length).toBeGreaterThan(0)
      expect(answered).not.toContain('forged')
      await Promise.all([own.leave(), carol.leave()])
    })
  })
