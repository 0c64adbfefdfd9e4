// Guests of Debian's Prosody who attack: what they make the server store, and whom they bother.
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeAll, expect, test } from '@jest/globals'
import { stoppedAfterAll } from '../support/closers.js'
import type { Prosody } from '../support/prosody.js'
import { bare, GuestStage, guests, startProsodyForGuests } from './guest-stage.js'
import { describeWith } from './needs.js'
import type { User } from './user.js'

const forgetSeconds = 4

/** Debian's configuration has these for all hosts. */
const modules = `"roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "smacks", "carbons", "pep", "private",
  "vcard4", "vcard_legacy", "register", "invites", "invites_adhoc", "admin_adhoc", "offline"`

describeWith(['prosody', 'openssl'], 'Guests who attack Prosody', () => {
  const keep = stoppedAfterAll()
  let prosody: Prosody
  let stage: GuestStage

  beforeAll(async () => {
    const place = await startProsodyForGuests(forgetSeconds, { config: `modules_enabled = { ${modules} }` })
    prosody = await keep(place.prosody)
    stage = await keep(GuestStage.open(place))
  })
  afterEach(() => stage.clear())

  const logIn = (name: string) => stage.logIn(`${name}@localhost`, `secret-of-${name}`)

  async function isRefused(guest: User, id: string, to: string | undefined, child: string): Promise<void> {
    const address = to === undefined ? '' : ` to='${to}'`
    guest.send(`<iq xmlns='jabber:client' type='set' id='${id}'${address}>${child}</iq>`)
    await guest.isUpToDate()
    const answer = new RegExp(`<iq(?=[^>]* id=['"]${id}['"])[^>]*(?:/>|>.*?</iq>)`).exec(guest.received)?.[0]
    expect([id, answer]).toEqual([id, expect.stringContaining('not-allowed')])
  }

  test('do not fill the roster of the agents with requests', async () => {
    const agent = await logIn('support')
    const guest = await stage.attach(await stage.come())
    for (const to of [agent.bareJid, agent.bareJid.toUpperCase(), `${agent.bareJid}/x`])
      guest.send(`<presence xmlns='jabber:client' type='subscribe' to='${to}'><status>spam</status></presence>`)
    guest.say(agent.bareJid, 'The last message')
    await agent.receives('The last message')
    await agent.isUpToDate()
    expect(agent.received).not.toContain('spam')
    expect(await prosody.files('localhost')).not.toContain('roster/support.dat')
  })

  test('set no password, and store nothing', async () => {
    const guest = await stage.attach(await stage.come())
    const name = guest.bareJid.split('@')[0]!
    const password = `<query xmlns='jabber:iq:register'><username>${name}</username><password>x</password></query>`
    await isRefused(guest, 'password-host', guests, password)
    await isRefused(guest, 'password-own', guest.bareJid, password)
    await isRefused(guest, 'password', undefined, password)
    await isRefused(guest, 'private', undefined, "<query xmlns='jabber:iq:private'><a xmlns='my:1'><b/></a></query>")
    await isRefused(guest, 'vcard', undefined, "<vCard xmlns='vcard-temp'><FN>Support</FN></vCard>")
    await isRefused(guest, 'roster', undefined, "<query xmlns='jabber:iq:roster'><item jid='a@b'/></query>")
    const publish = "<publish node='my:2'><item><a xmlns='my:2'/></item></publish>"
    await isRefused(guest, 'pep', undefined, `<pubsub xmlns='http://jabber.org/protocol/pubsub'>${publish}</pubsub>`)
    const block = "<block xmlns='urn:xmpp:blocking'><item jid='a@b'/></block>"
    await isRefused(guest, 'block', guest.bareJid, block)
    const command = "<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite'/>"
    await isRefused(guest, 'command', `${guests}/x`, command)
    guest.send(`<iq xmlns='jabber:client' type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`)
    await guest.isUpToDate()
    expect(guest.received).toMatch(/<iq(?=[^>]* id=['"]c['"])(?=[^>]* type=['"]result['"])/)
  })

  test('reach nobody with other forms of an address', async () => {
    const bob = await logIn('bob')
    const guest = await stage.attach(await stage.come())
    const forms = [
      'BOB@LOCALHOST',
      'bob@localhost.',
      '\uff42ob@localhost',
      'bob@localhost/support@localhost',
      'support@localhost@localhost',
      ' bob@localhost',
      'localhost',
      'localhost/bob',
      'bob@localhost\u3002',
      'support\\40localhost@localhost',
    ]
    for (const to of forms) {
      guest.say(to, `spam for ${to}`)
      guest.send(`<message xmlns='jabber:client' from='support@localhost' to='${to}'><body>spam</body></message>`)
      guest.send(`<presence xmlns='jabber:client' type='probe' to='${to}'/>`)
      guest.send(`<iq xmlns='jabber:client' type='get' id='v' to='${to}'><vCard xmlns='vcard-temp'/></iq>`)
    }
    guest.send(`<iq xmlns='jabber:client' type='get' id='users' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await guest.isUpToDate()
    await bob.isUpToDate()
    expect(bob.received).not.toContain('spam')
    expect(bob.received).not.toContain(guest.bareJid)
    expect(guest.received).not.toMatch(
      /id=['"](v|users)['"][^>]*type=['"]result|type=['"]result['"][^>]*id=['"](v|users)['"]/,
    )
  })

  test('who come back are not forgotten because of an earlier visit', async () => {
    const first = await stage.come()
    const file = `accounts/${bare(first.jid).split('@')[0]}.dat`
    await stage.end(first.jid)
    await pause((forgetSeconds * 1000) / 2)
    const again = await stage.come(first.guest_token)
    expect(bare(again.jid)).toBe(bare(first.jid))
    await stage.end(again.jid)
    await pause(forgetSeconds * 1000 * 0.65)
    expect(await prosody.files(guests)).toContain(file)
  })
})
