// Rooms in Converse with the module: pages that the user leaves before Converse has sent, or stored, a message.
import { expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { describeWith } from './needs.js'
import { PagesStage, transports } from './pages-stage.js'
import { bothServers } from './servers.js'
import { passwords } from './user.js'

const kinds = bothServers(
  passwords,
  `c2s_require_encryption = true
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "offline" }
Component "conference.localhost" "muc"
  muc_room_locking = false`,
  { modules: '  mod_offline: {}\n  mod_muc: {}' },
)

for (const kind of kinds) {
  describeWith([...kind.packages, kind.browser], `Rooms in Converse with the module, before ${kind.name}`, () => {
    const stage = PagesStage.of({ browser: kind.browser, start: kind.start })

    /** Alice and bob are in a room, and alice sees it. */
    async function meet(transport: (typeof transports)[number]) {
      const room = `${transport}@conference.localhost`
      const { bob } = stage
      const join = "<x xmlns='http://jabber.org/protocol/muc'/>"
      bob.send(`<presence xmlns='jabber:client' to='${room}/Bob'>${join}</presence>`)
      await bob.seesPresence(`${room}/Bob`, undefined)
      const settings = { auto_join_rooms: [{ jid: room, nick: 'Alice' }] }
      const visitor = await stage.comeWithConverse(transport, { settings })
      const isIn = () =>
        visitor.tab.evaluate<boolean>(`inside.state.chatboxes.get('${room}')?.canPostMessages() === true`)
      await eventually('alice is in the room', isIn)
      const say = (text: string) =>
        bob.send(
          `<message xmlns='jabber:client' to='${room}' type='groupchat' id='${text}'><body>${text}</body></message>`,
        )
      const heard = async (text: string) => (await visitor.texts(room)).filter(each => each === text).length
      return { bob, visitor, room, say, heard, isIn }
    }

    for (const transport of transports) {
      test(`a message is sent by the next page if the user leaves at once, over ${transport}`, async () => {
        const { bob, visitor, room, isIn } = await meet(transport)
        for (const text of ['one', 'two']) {
          await visitor.tab.evaluate(`inside.state.chatboxes.get('${room}').sendMessage({ body: '${text}' })`)
          await visitor.reload()
          await eventually('alice is still in the room', isIn)
        }
        await bob.receives('>two<')
        expect(bob.texts.filter(text => /^(one|two)$/.test(text))).toEqual(['one', 'two'])
      })

      test(`a message is shown by the next page if Converse had not stored it, over ${transport}`, async () => {
        const { bob, visitor, room, say, heard } = await meet(transport)
        await visitor.tab.evaluate(`inside.state.chatboxes.get('${room}').queueMessage = () => new Promise(() => {
          window.isTaking = true
        })`)
        say('held')
        await eventually('Converse has it', () => visitor.tab.evaluate<boolean>('window.isTaking === true'))
        await bob.isUpToDate()
        // The page acknowledges what came before the first answer.
        for (let asked = 0; asked < 2; asked++)
          expect(await visitor.tab.evaluate("inside.api.ping('localhost')")).toBe(true)
        await visitor.reload()
        say('later')
        await eventually('the later message is shown', async () => (await heard('later')) === 1)
        await eventually('the earlier message is shown', async () => (await heard('held')) === 1)
        const shown = await visitor.tab.evaluate(`Array.from(inside.state.chatboxes.get('${room}').messages.models)
          .sort((one, other) => one.get('time').localeCompare(other.get('time')))
          .map(message => message.get('body')).filter(text => text === 'held' || text === 'later')`)
        expect(shown).toEqual(['held', 'later'])
      })
    }
  })
}
