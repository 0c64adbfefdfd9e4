// Guests at Debian's Prosody and ejabberd: they are answered, come back, and reach nobody but the agents.
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { sharedChromium } from '../support/chromium.js'
import { stoppedAfterAll, stoppedAfterEach } from '../support/closers.js'
import { startEjabberd } from '../support/ejabberd.js'
import { eventually } from '../support/eventually.js'
import type { Prosody } from '../support/prosody.js'
import { testFolder } from '../support/test-folder.js'
import { type ConversePortal, ConverseVisitor, serveConversePortal } from './converse-page.js'
import { bare, type GuestServers, GuestStage, guests, origin, startProsodyForGuests } from './guest-stage.js'
import { describeWith } from './needs.js'
import type { User } from './user.js'

const { file } = testFolder()

interface Place extends GuestServers {
  /** JID and password. */
  readonly agent: readonly [jid: string, password?: string]
  /** False if guests reach each other who know their addresses, which nobody can guess. */
  readonly partsGuests: boolean
  stop(): Promise<void>
}

function describeGuests(
  name: string,
  packages: readonly string[],
  open: () => Promise<Place>,
  more: (stage: () => GuestStage) => void,
): void {
  describeWith(packages, name, () => {
    const keep = stoppedAfterAll()
    let place: Place
    let stage: GuestStage
    let portal: ConversePortal
    let agent: User
    let bob: User

    beforeAll(async () => {
      place = await keep(open())
      const url = () => stage.service.url
      portal = await keep(serveConversePortal(url, async () => undefined))
      const environment = { PAGE_ORIGINS: `${origin},${portal.url}`, ...place.environment }
      stage = await keep(GuestStage.open({ servers: place.servers, environment }))
    })
    beforeEach(async () => {
      agent = await stage.logIn(...place.agent)
      bob = await stage.logIn('bob@localhost', 'secret-of-bob')
    })
    afterEach(() => stage.clear())

    const comeAndAttach = async () => stage.attach(await stage.come())

    test('are answered by an agent', async () => {
      const guest = await comeAndAttach()
      guest.say(agent.bareJid, 'Where is my tea?')
      expect(await agent.receives('Where is my tea?')).toContain(guest.jid)
      agent.say(guest.bareJid, 'On its way.')
      await guest.receives('On its way.')
    })

    test('reach neither other users nor each other', async () => {
      const guest = await comeAndAttach()
      const other = await comeAndAttach()
      expect(other.bareJid).not.toBe(guest.bareJid)
      const ping = "<ping xmlns='urn:xmpp:ping'/>"
      for (const user of [bob, other]) {
        for (const to of [user.bareJid, user.jid]) {
          guest.say(to, `spam for ${to}`)
          guest.send(`<message xmlns='jabber:client' to='${to}' type='headline'><body>spam</body></message>`)
          guest.send(`<presence xmlns='jabber:client' to='${to}'/>`)
        }
        guest.send(`<presence xmlns='jabber:client' type='subscribe' to='${user.bareJid}'/>`)
        guest.send(`<iq xmlns='jabber:client' type='get' id='q' to='${user.jid}'>${ping}</iq>`)
      }
      guest.say(agent.bareJid, 'The last message')
      await agent.receives('The last message')
      for (const user of [bob, other]) await user.isUpToDate()
      expect(bob.received).not.toContain(guest.bareJid)
      if (place.partsGuests) expect(other.received).not.toContain(guest.bareJid)
    })

    // Converse 14 opens chats with strangers only at servers with a blocklist, which ejabberd would store.
    const describeConverse = name.endsWith('Prosody') ? describeWith : () => {}
    describeConverse(['chromium'], 'with Converse', () => {
      const keep = stoppedAfterEach()

      test('write under a nickname, and get answers', async () => {
        const context = await (await sharedChromium()).newContext()
        await keep({ stop: () => context.close() })
        portal.options = { service: stage.service.url, guest: true, nickname: 'Alice & Co', transport: 'websocket' }
        const visitor = await ConverseVisitor.come(context, portal.url, [portal.url, stage.service.url])
        await visitor.has('online')
        const jid = await visitor.jid()
        await visitor.turnTo(agent.bareJid)
        await visitor.say(agent.bareJid, 'Where is my tea?')
        const message = await agent.receives('Where is my tea?')
        expect(message).toContain(jid)
        expect(message).toMatch(/<nick xmlns=['"]http:\/\/jabber.org\/protocol\/nick['"]>Alice &amp; Co<\/nick>/)
        agent.say(jid, 'On its way.')
        await visitor.reads('On its way.')
        await visitor.reload()
        if ((await visitor.token()) !== undefined) expect(await visitor.jid()).toBe(jid)
        expect(visitor.complaints).toEqual([])
      })
    })

    more(() => stage)
  })
}

let prosody: Prosody

async function openProsody(areAnonymous: boolean): Promise<Place> {
  const started = await startProsodyForGuests(1, { areAnonymous })
  prosody = started.prosody
  return {
    ...started,
    agent: ['support@localhost', 'secret-of-support'],
    partsGuests: true,
    stop: () => prosody.stop(),
  }
}

describeGuests(
  'Guests at Prosody',
  ['prosody', 'openssl'],
  () => openProsody(false),
  stage => {
    const onlyFile = 'accounts/portal.dat'
    const files = () => prosody.files(guests)

    test('leave nothing on the disk', async () => {
      const { jid } = await stage().come()
      expect(await files()).toContain(`accounts/${bare(jid).split('@')[0]}.dat`)
      await stage().end(jid)
      await eventually('only the service account has files', async () => (await files()).join() === onlyFile)
    })
  },
)

const key = JSON.stringify({ kty: 'oct', alg: 'HS256', k: Buffer.alloc(32, 7).toString('base64url') })

/** As in docs/guests.md. Agents have accounts at the guests' host, because all hosts are isolated from each other. */
const ejabberdRules = `
auth_method: internal
auth_password_format: scram
acl:
  visitors: {node_regexp: {"^[0-9a-f]{32}$": "^guests[.]localhost$"}}
access_rules:
  mod_filter: {allow: all}
  mod_filter_iq: {allow: all}
  mod_filter_message: {allow: all}
  mod_filter_presence: [{deny: visitors}, {allow: all}]
host_config:
  ${guests}:
    auth_method: jwt
    jwt_key: "${file('key.json', key)}"
    s2s_access: none
    modules: # those of other hosts would store what guests send
      mod_isolation: {}
      mod_carboncopy: {}
      mod_disco: {}
      mod_filter: {}
      mod_ping: {}
      mod_roster: {access: none}
      mod_stream_mgmt: {}
`

describeGuests(
  'Guests at ejabberd',
  ['ejabberd', 'ejabberd-mod-isolation', 'ejabberd-mod-filter', 'openssl'],
  async () => {
    const ejabberd = await startEjabberd({
      users: { bob: 'secret-of-bob' },
      hosts: [guests],
      authentication: ejabberdRules,
    })
    const servers = ['localhost', guests].map(
      host => `${host}=xmpp://127.0.0.1:${ejabberd.c2sPort}?ca=${ejabberd.caFile}`,
    )
    return {
      servers: servers.join(),
      environment: { XMPP_LOGIN_KEYS_FILE: file('login-keys', `${guests}=${key}\n`) },
      agent: [`support@${guests}`],
      partsGuests: false,
      stop: () => ejabberd.stop(),
    }
  },
  stage => {
    test('fill no roster, which ejabberd would store', async () => {
      // With two sessions of the agent, it would not.
      await stage().clear()
      const logInAgent = () => stage().logIn(`support@${guests}`)
      const agent = await logInAgent()
      const guest = await stage().attach(await stage().come())
      for (const to of [agent.bareJid, guest.bareJid])
        guest.send(`<presence xmlns='jabber:client' type='subscribe' to='${to}'><status>spam</status></presence>`)
      guest.send(`<presence xmlns='jabber:client' to='${agent.bareJid}'><status>spam</status></presence>`)
      guest.say(agent.bareJid, 'The last message')
      await agent.receives('The last message')
      await stage().end(agent.jid)
      const again = await logInAgent()
      await again.isUpToDate()
      expect(agent.received + again.received).not.toContain('spam')
    })
  },
)

describeGuests(
  'Anonymous guests at Prosody',
  ['prosody', 'openssl'],
  async () => {
    const place = await openProsody(true)
    const stop = () => {
      expect(prosody.log()).not.toContain('was not deleted')
      return place.stop()
    }
    return { ...place, stop }
  },
  stage => {
    test('get no token, and are others when they come again', async () => {
      const first = await stage().come()
      expect(first).not.toHaveProperty('guest_token')
      expect(bare((await stage().come()).jid)).not.toBe(bare(first.jid))
    })
  },
)
