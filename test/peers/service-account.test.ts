// deploy/prosody/mod_service_account.lua at the wire: only service accounts log in as users, and never as admins.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { attribute, BoshClient } from '../support/bosh-client.js'
import { stoppedAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import { RawClient } from '../support/raw-client.js'
import { root } from '../support/repository.js'
import { ScramClient } from '../support/scram.js'
import { majorOf } from '../support/server-process.js'
import { textOf } from '../support/stream-login.js'
import { testFolder } from '../support/test-folder.js'
import { describeWith } from './needs.js'

const isNew = majorOf('prosody') >= 13
const xmlns = 'urn:ietf:params:xml:ns:xmpp-sasl'
const wrong = 'a wrong password'
const passwords = {
  alice: 'wonderland',
  portal: 'secret-of-portal',
  mallory: 'malice',
  root: 'of-all-evil',
  carol: 'of-rooms',
  staff: 'of-a-role',
  gone: 'disabled',
  jessica: 'two letters',
  spare: 'another account',
}
const modules = ['roster', 'saslauth', 'tls', 'disco', 'posix', 'bosh', 'smacks', 'register_ibr', 'service_account']
if (isNew) modules.push('sasl2', 'sasl2_bind2', 'sasl2_sm', 'sasl2_fast')

const listed = 'service_accounts = { "Portal@LocalHost", "spare@localhost", "mallory@elsewhere", "alice", "localhost" }'
const config = `
plugin_paths = { "${join(root, 'deploy/prosody')}" }
modules_enabled = { ${modules.map(name => `"${name}"`).join(', ')} }
allow_unencrypted_plain_auth = true
allow_registration = true
consider_bosh_secure = false
admins = { "root@localhost" }
custom_roles = { { name = "staff"; inherits = { "prosody:admin" } } }
${listed}
VirtualHost "elsewhere"
Component "rooms.localhost" "muc"
  admins = { "carol@localhost" }
`

interface Way {
  readonly name: string
  /** The element for a message of PLAIN. */
  element(message: string): string
  jid(stranger: RawClient, success: string): Promise<string> | string
}

const sasl: Way = {
  name: 'SASL',
  element: message => `<auth xmlns='${xmlns}' mechanism='PLAIN'>${message}</auth>`,
  jid: stranger => stranger.bind(),
}

const userAgent = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>"
const sasl2: Way = {
  name: 'SASL2',
  element: message => authenticate(message, "<bind xmlns='urn:xmpp:bind:0'/>"),
  jid: (_, success) => textOf(success, 'authorization-identifier'),
}

function authenticate(message: string, inline: string): string {
  const response = `<initial-response>${message}</initial-response>`
  return `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>${response}${userAgent}${inline}</authenticate>`
}

const ways = isNew ? [sasl, sasl2] : [sasl]

/** RFC 4616. Bytes of an authzid are not encoded. */
function plain(authzid: string | Buffer, user: string, password: string): string {
  return Buffer.concat([Buffer.from(authzid), Buffer.from(`\0${user}\0${password}`)]).toString('base64')
}

/** The bare JID of a login, or the condition of its failure. */
async function attempt(stranger: RawClient, way: Way, message: string): Promise<string> {
  stranger.send(way.element(message))
  const answer = await stranger.until(/<\/failure>|<success\b[^>]*\/>|<\/success>/)
  const condition = /<failure\b[^>]*><([\w-]+)/.exec(answer)?.[1]
  return condition ?? (await way.jid(stranger, answer)).replace(/\/.*/s, '')
}

/** A minimal authentication provider (`tokens`) for Prosody. */
const tokens = `
local provider = {}
function provider.user_exists() return true end
function provider.get_account_info(name) return { enabled = name ~= "gone" } end
function provider.get_sasl_handler()
  return require "util.sasl".new(module.host, {
    plain_test = function (self, _, password)
      if password == "token" then self.role, self.scope = "prosody:guest", "guest" end
      return password == "token" or password == "password", true
    end
  })
end
module:provides("auth", provider)
`

let prosody: Prosody

beforeAll(async () => {
  prosody = await startProsody({ users: passwords, disabled: ['gone'], config })
  // As both versions store roles.
  const data = join(dirname(prosody.caFile), 'data/localhost')
  for (const [store, roles] of [
    ['roles', '["prosody:admin"] = true'],
    ['account_roles', '["_default"] = "staff"'],
  ] as const) {
    mkdirSync(join(data, store), { recursive: true })
    writeFileSync(join(data, store, 'staff.dat'), `return { ${roles} };\n`)
  }
})
afterAll(() => prosody?.stop())

const keep = stoppedAfterEach()

async function connect(server = prosody): Promise<RawClient> {
  const stranger = await RawClient.open(server.c2sPort)
  await keep({ stop: () => stranger.socket.destroy() })
  return stranger
}

const login = async (way: Way, message: string, server = prosody) => attempt(await connect(server), way, message)

describeWith(['prosody', 'prosody-modules', 'openssl'], 'A service account at Prosody', () => {
  describe.each(ways)('by $name', way => {
    const asPortal = (authzid: string | Buffer) => login(way, plain(authzid, 'portal', passwords.portal))

    test.each(['alice@localhost', 'ALICE@LocalHost'])('logs in the user %s', async authzid => {
      expect(await asPortal(authzid)).toBe('alice@localhost')
    })

    test.each(['', 'portal@localhost', 'Portal@LocalHost', 'portal@localhost/desk', 'portal'])(
      'logs in as itself with the authzid "%s"',
      async authzid => {
        expect(await asPortal(authzid)).toBe('portal@localhost')
        expect(await login(way, plain(authzid, 'PORTAL', passwords.portal))).toBe('portal@localhost')
      },
    )

    test.each([
      ['an unknown user', 'nobody@localhost', 'there is no such user'],
      ['a user of another host', 'alice@elsewhere', 'the user is of another host'],
      ['a user of a component', 'alice@rooms.localhost', 'the user is of another host'],
      ['an admin of the server', 'root@localhost', 'the user is an admin'],
      ['an admin in capitals', 'ROOT@localhost', 'the user is an admin'],
      ['an admin in wide letters', '\uff32\uff2f\uff2f\uff34@localhost', 'not written as Prosody writes it'],
      ['an admin with invisible letters', 'r\u00adoo\u200dt@localhost', 'not written as Prosody writes it'],
      ['a wide letter', '\uff41lice@localhost', 'not written as Prosody writes it'],
      ['a letter that stands for two', 'je\u00dfica@localhost', 'not written as Prosody writes it'],
      ['a host with a dot', 'alice@localhost.', 'not written as Prosody writes it'],
      ['another service account', 'spare@localhost', 'the user is a service account'],
      ['an admin of a component', 'carol@localhost', 'the user is an admin'],
      ['an admin by a role', 'staff@localhost', 'the user is an admin'],
      ['the host', 'localhost', 'no bare JID'],
      ['a name', 'alice', 'no bare JID'],
      ['a resource', 'alice@localhost/desk', 'no bare JID'],
      ['no name', '@localhost', 'no bare JID'],
      ['no host', 'alice@', 'no bare JID'],
      ['two hosts', 'alice@localhost@localhost', 'no bare JID'],
      ['a space', ' alice@localhost', 'no bare JID'],
      ['a line break', 'alice@localhost\n', 'may not log in as'],
      ['a URI', 'xmpp:alice@localhost', 'no bare JID'],
      ['a long name', `${'x'.repeat(1500)}@localhost`, 'no bare JID'],
      ['a letter of a later Unicode', '\u1d2clice@localhost', 'may not log in as'],
      ['bytes that are no UTF-8', Buffer.from('\xe9ve@localhost', 'latin1'), 'no bare JID'],
      ...(isNew ? [['a disabled user', 'gone@localhost', 'the user is disabled'] as const] : []),
    ])('gets invalid-authzid for %s', async (_, authzid, reason) => {
      const before = prosody.log().length
      expect(await asPortal(authzid)).toBe('invalid-authzid')
      const logged = prosody.log().slice(before)
      expect(logged).toContain('portal@localhost may not log in as')
      expect(logged).toContain(reason)
      expect(logged.trim().split('\n')).toHaveLength(1)
    })

    test.each([
      ['portal', wrong, 'alice@localhost'],
      ['portal', passwords.alice, 'alice@localhost'],
      ['portal', wrong, 'root@localhost'],
      ['mallory', wrong, 'alice@localhost'],
      ['nobody', wrong, 'alice@localhost'],
    ])('gets not-authorized for a wrong password: %s with %s as %s', async (user, password, authzid) => {
      expect(await login(way, plain(authzid, user, password))).toBe('not-authorized')
    })

    // Mallory is listed at another host, alice without a host.
    test.each([
      ['mallory', 'alice@localhost'],
      ['mallory', 'portal@localhost'],
      ['mallory', 'mallory@elsewhere'],
      ['mallory', 'nobody@localhost'],
      ['alice', 'mallory@localhost'],
      ['root', 'alice@localhost'],
    ] as const)('must be listed in service_accounts: %s as %s', async (user, authzid) => {
      expect(await login(way, plain(authzid, user, passwords[user]))).toBe('invalid-authzid')
      expect(prosody.log()).toContain('the account is not in service_accounts')
      expect(await login(way, plain('', user, passwords[user]))).toBe(`${user}@localhost`)
      expect(await login(way, plain(`${user}@localhost/desk`, user, passwords[user]))).toBe(`${user}@localhost`)
    })

    test('is checked at each login attempt of a connection', async () => {
      const { alice, mallory, portal } = passwords
      const tries = [
        [plain('nobody@localhost', 'portal', portal), 'invalid-authzid'],
        [plain('alice@localhost', 'portal', wrong), 'not-authorized'],
        [plain('alice@localhost', 'mallory', mallory), 'invalid-authzid'],
        [plain('root@localhost', 'portal', portal), 'invalid-authzid'],
      ] as const
      for (const [last, jid] of [
        [plain('', 'alice', alice), 'alice@localhost'],
        [plain('alice@localhost', 'portal', portal), 'alice@localhost'],
        [plain('', 'mallory', mallory), 'mallory@localhost'],
      ] as const) {
        const stranger = await connect()
        for (const [message, condition] of tries) expect(await attempt(stranger, way, message)).toBe(condition)
        expect(await attempt(stranger, way, last)).toBe(jid)
      }
    })
  })

  describe('by SCRAM', () => {
    /** `before` precedes the last message, and is not signed. */
    const scramLogin = async (user: keyof typeof passwords, authzid: string, before = '') => {
      const stranger = await connect()
      const scram = new ScramClient(user, passwords[user], new Map(), authzid)
      stranger.send(`<auth xmlns='${xmlns}' mechanism='SCRAM-SHA-1'>${scram.first}</auth>`)
      const challenge = textOf(await stranger.until(/<\/challenge>/), 'challenge')
      const final = Buffer.from(await scram.final(challenge), 'base64').toString()
      stranger.send(`<response xmlns='${xmlns}'>${Buffer.from(before + final).toString('base64')}</response>`)
      const answer = await stranger.until(/<\/failure>|<\/success>/)
      const condition = /<failure\b[^>]*><([\w-]+)/.exec(answer)?.[1]
      return condition ?? (await stranger.bind()).replace(/\/.*/s, '')
    }

    test.each([
      ['portal', 'alice@localhost', 'alice@localhost'],
      ['portal', '', 'portal@localhost'],
      ['portal', 'portal@localhost', 'portal@localhost'],
      ['portal', 'nobody@localhost', 'invalid-authzid'],
      ['portal', 'root@localhost', 'invalid-authzid'],
      ['portal', 'alice@localhost,root@localhost', 'invalid-authzid'],
      ['mallory', 'alice@localhost', 'invalid-authzid'],
      ['mallory', '', 'mallory@localhost'],
    ] as const)('%s with the authzid "%s" results in %s', async (user, authzid, end) => {
      expect(await scramLogin(user, authzid)).toBe(end)
    })

    test('ignores an authzid that is not signed', async () => {
      const unsigned = 'n,a=alice@localhost,'
      expect(await scramLogin('portal', '', unsigned)).toBe('portal@localhost')
      expect(await scramLogin('portal', 'nobody@localhost', unsigned)).toBe('invalid-authzid')
    })
  })

  if (isNew)
    test('gets no FAST token for a user', async () => {
      const request = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"
      for (const [message, expected] of [
        [plain('', 'alice', passwords.alice), true],
        [plain('alice@localhost', 'portal', passwords.portal), false],
      ] as const) {
        const stranger = await connect()
        stranger.send(authenticate(message, request))
        const success = await stranger.until(/<\/success>/)
        expect(success).toContain('>alice@localhost<')
        expect(success.includes('<token')).toBe(expected)
      }
    })

  test('cannot be registered by others', async () => {
    const registered = async (name: string) => {
      const stranger = await connect()
      const fields = `<username>${name}</username><password>mine</password>`
      stranger.send(`<iq type='set' id='new'><query xmlns='jabber:iq:register'>${fields}</query></iq>`)
      const answer = await stranger.until(/<iq\b[^>]*\/>|<\/iq>/)
      return attribute(answer.slice(answer.indexOf('<iq')), 'type')
    }
    expect(await registered('newcomer')).toBe('result')
    expect(await registered('spare')).toBe('error')
    expect(await registered('SPARE')).toBe('error')
    expect(await login(sasl, plain('', 'spare', 'mine'))).toBe('not-authorized')
  })

  test('loses its rights when Prosody reloads settings without it', async () => {
    const file = join(dirname(prosody.caFile), 'prosody.cfg.lua')
    const settings = readFileSync(file, 'utf8')
    const message = plain('alice@localhost', 'portal', passwords.portal)
    const reload = async (text: string, expected: string) => {
      writeFileSync(file, text)
      process.kill(prosody.pid, 'SIGHUP')
      let found = ''
      const ask = () =>
        void login(sasl, message).then(jid => {
          found = jid
          if (found !== expected) ask()
        })
      ask()
      await eventually(`${expected} after SIGHUP`, () => found === expected)
    }
    await reload(settings.replace(listed, 'service_accounts = { "spare@localhost" }'), 'invalid-authzid')
    await reload(settings, 'alice@localhost')
  })
})

describeWith(['prosody', 'openssl'], 'A service account with another authentication provider', () => {
  const { folder, file } = testFolder()
  file('mod_auth_tokens.lua', tokens)

  test('logs in enabled users, by its password only', async () => {
    const path = 'plugin_paths = {'
    const extended = config.replace(path, `${path} "${folder}",`)
    const server = await keep(startProsody({ config: `authentication = "tokens"${extended}` }))
    const ends = (authzid: string, password: string) => login(sasl, plain(authzid, 'portal', password), server)
    expect(await ends('alice@localhost', 'password')).toBe('alice@localhost')
    expect(await ends('gone@localhost', 'password')).toBe('invalid-authzid')
    expect(await ends('alice@localhost', 'token')).toBe('invalid-authzid')
    expect(await ends('', 'token')).toBe('portal@localhost')
    expect(server.log()).toContain('the user is disabled')
    expect(server.log()).toContain('the account did not show its password')
  })
})

/** Logs in at Prosody's own BOSH endpoint, from an address that a proxy on this machine names. */
async function overHttp(server: Prosody, address: string, message: string): Promise<string> {
  const client = new BoshClient(`http://127.0.0.1:${server.httpPort}/http-bind`)
  const headers = { 'X-Forwarded-For': address }
  const ask = (inner: string, attributes = {}) => client.request(inner, attributes, { headers })
  try {
    const stream = { to: 'localhost', 'xmlns:xmpp': 'urn:xmpp:xbosh', 'xmpp:version': '1.0' }
    client.sid = attribute(await ask('', { ...stream, wait: '5', hold: '1', ver: '1.6' }), 'sid')
    const answer = await ask(sasl.element(message))
    const condition = /<failure\b[^>]*><([\w-]+)/.exec(answer)?.[1]
    if (condition !== undefined) return condition
    await ask('', { to: 'localhost', 'xmlns:xmpp': 'urn:xmpp:xbosh', 'xmpp:restart': 'true' })
    const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
    const bound = await ask(`<iq xmlns='jabber:client' type='set' id='bind'>${bind}</iq>`)
    await client.terminate()
    return textOf(bound, 'jid').replace(/\/.*/s, '')
  } finally {
    client.close()
  }
}

describeWith(['prosody', 'openssl'], 'A service account over BOSH', () => {
  const elsewhere = '203.0.113.5'
  const asAlice = plain('alice@localhost', 'portal', passwords.portal)

  test('gets invalid-authzid over an unencrypted connection', async () => {
    expect(await overHttp(prosody, elsewhere, asAlice)).toBe('invalid-authzid')
    expect(prosody.log()).toContain('the connection is not encrypted')
    expect(await overHttp(prosody, '2001:db8::7f00:1', asAlice)).toBe('invalid-authzid')
    expect(await overHttp(prosody, elsewhere, plain('', 'portal', passwords.portal))).toBe('portal@localhost')
    expect(await overHttp(prosody, '127.0.0.1', asAlice)).toBe('alice@localhost')
  })

  test('logs in users, and admins if allowed, over an encrypted connection', async () => {
    const settings = 'consider_bosh_secure = true\nservice_accounts_as_admins = true'
    const secure = config.replace('consider_bosh_secure = false', settings)
    const other = await keep(startProsody({ users: passwords, config: secure }))
    expect(await overHttp(other, elsewhere, asAlice)).toBe('alice@localhost')
    expect(await overHttp(other, elsewhere, plain('root@localhost', 'portal', passwords.portal))).toBe('root@localhost')
    expect(await overHttp(other, elsewhere, plain('alice@localhost', 'root', passwords.root))).toBe('invalid-authzid')
  })
})
