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
    stage = await keep(GuestStage.open({ ...place, environment: { ...place.environment, RATE_SESSION_BYTES: '0' } }))
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
      for (const type of ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed'])
        guest.send(`<presence xmlns='jabber:client' type='${type}' to='${to}'><status>spam</status></presence>`)
    guest.say(agent.bareJid, 'The last message')
    await agent.receives('The last message')
    await agent.isUpToDate()
    expect(agent.received).not.toContain('spam')
    expect(await prosody.files('localhost')).not.toContain('roster/support.dat')
    // The server would keep it in the guest's own roster, which it writes again each time.
    guest.send("<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
    await guest.receives('jabber:iq:roster')
    expect(guest.received).not.toContain('<item')
  })

  test('do not fill the memory of the server with messages to themselves, or with presence', async () => {
    const agent = await logIn('support')
    const guest = await stage.attach(await stage.come())
    guest.send("<presence xmlns='jabber:client' type='unavailable'/>")
    for (const to of [guest.bareJid, `${guest.bareJid}/x`]) guest.say(to, 'to myself')
    guest.send("<presence xmlns='jabber:client'/>")
    await guest.isUpToDate()
    expect(guest.received.match(/<not-allowed/g)).toHaveLength(2)
    expect(guest.texts).not.toContain('to myself')
    const shown = (id: number) =>
      `<presence xmlns='jabber:client' to='${agent.bareJid}'><status>no. ${id} </status></presence>`
    guest.send(shown(0))
    for (let id = 0; id < 150; id++) guest.send(`<presence xmlns='jabber:client' to='${agent.bareJid}/${id}'/>`)
    guest.send(shown(1))
    await agent.receives('no. 1 ')
    await guest.leave()
    // The server tells all that have had presence.
    const ends = () => agent.received.match(/type=['"]unavailable['"]/g)?.length ?? 0
    await agent.receives('unavailable')
    expect(ends()).toBeLessThanOrEqual(100)
  })

  test('do not fill the disk while the agents are away', async () => {
    const guest = await stage.attach(await stage.come())
    const text = 'x'.repeat(80_000)
    for (let number = 0; number < 20; number++) {
      guest.say('support@localhost', `${number} ${text}`)
      if (number % 4 === 3) await guest.isUpToDate()
    }
    expect(guest.received.match(/<not-allowed/g)).toHaveLength(8)
    const agent = await logIn('support')
    await agent.receives('>11 x')
    guest.say(agent.bareJid, 'The agent is here')
    await agent.receives('The agent is here')
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
