// Warming at Debian's Prosody and ejabberd, and the replies of POST /warm.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { stoppedAfterEach } from '../support/closers.js'
import { combinations } from '../support/matrix.js'
import { startProsody } from '../support/prosody.js'
import { startRelay } from '../support/relay.js'
import { startTestService, type WarmBinding } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { describePlace, Place } from './place.js'
import { bothServers, overPlainLink, overStarttls, type XmppServer } from './servers.js'
import { User } from './user.js'

const users = {
  alice: 'wonderland',
  umlaut: 'pässwörd✓',
  signs: 'a+b&c d%41=e',
}
const alice = { jid: 'alice@localhost', password: users.alice }

const overTls = bothServers(users).map(kind => {
  const name = `${kind.name} over STARTTLS`
  return { ...kind, name, encrypted: true, servers: overStarttls, isUsual: kind.name === 'ejabberd' }
})
const plain = {
  ...{ name: 'Prosody over a plain link', packages: ['prosody', 'openssl'], encrypted: false, isUsual: true },
  start: (): Promise<XmppServer> => startProsody({ users }),
  servers: overPlainLink,
}

for (const kind of combinations([plain, ...overTls], ({ isUsual }) => isUsual)) {
  const open = () => Place.open<XmppServer>(kind.start(), { servers: kind.servers })
  describePlace(`Warming at ${kind.name}`, kind.packages, open, place => {
    test('is pipelined from the second login on', async () => {
      const wire = await keep(startRelay(`http://127.0.0.1:${place().server.c2sPort}`))
      const other = await keep(startTestService({ servers: kind.servers(place().server, wire.port) }))
      for (let login = 1; login <= 3; login++) await goodbye(await other.bind(alice))
      await other.stop()
      expect(other.lines.filter(line => line.includes('does not cope'))).toEqual([])
      const [first, , third] = wire.talks
      // Over TLS 1.3 the first stream is not pipelined, and SASL2 needs no second one.
      if (!kind.encrypted) expect(third!.turns).toBeLessThan(first!.turns)
    })

    test('binds the resource of a full JID, or a resource of the place().server for a bare JID', async () => {
      const asked = await place().warmer.bind({ ...alice, jid: 'alice@localhost/desk & chair' })
      const first = await place().warmer.bind(alice)
      const second = await place().warmer.bind(alice)
      expect(asked.jid).toBe('alice@localhost/desk & chair')
      expect(new Set([asked.jid, first.jid, second.jid]).size).toBe(3)
      // The server delivers to the resource that it returned.
      const friend = User.attach(first.url, first)
      const page = User.attach(asked.url, asked)
      friend.say('alice@localhost/desk &amp; chair', 'to the desk')
      await page.receives('to the desk')
      await Promise.all([friend.leave(), page.leave(), goodbye(second)])
    })

    test('accepts passwords with any characters', async () => {
      for (const [user, password] of Object.entries(users)) {
        const { status, json } = await place().warmer.warm({ jid: `${user}@localhost`, password })
        expect({ user, status }).toEqual({ user, status: 200 })
        await goodbye(json as unknown as WarmBinding)
      }
    })

    test.each([
      ['a wrong password', { ...alice, password: 'wonderlanD' }],
      ['an unknown user', { ...alice, jid: 'nobody@localhost' }],
      ['a password without its special characters', { jid: 'umlaut@localhost', password: 'password✓' }],
    ])('returns 403 not-authorized for %s', async (_, parameters) => {
      const { status, headers, json } = await place().warmer.warm(parameters)
      expect(status).toBe(403)
      expect(headers['content-type']).toMatch(/^application\/problem\+json/)
      expect(json).toMatchObject({ title: 'Forbidden', code: 'not-authorized', step: 'sasl' })
      expect(json['condition']).toBe('not-authorized')
    })

    test('returns 502 host-unknown for a domain that the place().server does not serve', async () => {
      const elsewhere = kind.servers(place().server).replace('localhost=', 'elsewhere.example=')
      const environment = { XMPP_DOMAINS: 'elsewhere.example' }
      const other = await keep(startTestService({ servers: elsewhere, environment }))
      const { status, json } = await other.warm({ ...alice, jid: 'alice@elsewhere.example' })
      expect(status).toBe(502)
      expect(json).toMatchObject({ code: 'host-unknown', condition: 'host-unknown' })
    })

    test(`sends ${kind.encrypted ? 'nothing of the login' : 'no password'} in plain text`, async () => {
      await goodbye(await place().warmer.bind(alice))
      const heard = place().relay.heard().toString('latin1')
      expect(heard).not.toContain(alice.password)
      expect(heard).not.toContain(Buffer.from(`\0alice\0${alice.password}`).toString('base64'))
      expect(heard.includes('<proceed')).toBe(kind.encrypted)
      expect(heard.includes('alice@localhost')).toBe(!kind.encrypted)
      expect(heard.includes('urn:ietf:params:xml:ns:xmpp-bind')).toBe(!kind.encrypted)
    })

    if (kind.encrypted)
      test('works over direct TLS, and then sends nothing in plain text', async () => {
        const wire = await keep(startRelay(`http://127.0.0.1:${place().server.directTlsPort}`))
        const direct = `localhost=xmpps://127.0.0.1:${wire.port}?ca=${place().server.caFile}`
        const other = await keep(startTestService({ servers: direct }))
        const page = await User.warm(other, alice)
        page.say(page.jid, 'Tee?')
        await page.receives('Tee?')
        await page.leave()
        await other.stop()
        // TLS record of type handshake.
        expect([...wire.heard().subarray(0, 2)]).toEqual([0x16, 0x03])
        expect(wire.heard().toString('latin1')).not.toMatch(/<stream|starttls|xmpp-sasl|alice/)
      })
  })
}

const goodbye = (binding: WarmBinding) => User.attach(binding.url, binding).leave()

const keep = stoppedAfterEach()

describeWith(['prosody', 'openssl'], 'A Prosody that requires encryption, but offers none', () => {
  let server: XmppServer
  beforeAll(async () => {
    const config = 'c2s_require_encryption = true\nmodules_disabled = { "s2s", "tls" }'
    server = await startProsody({ users, config })
  })
  afterAll(() => server?.stop())

  test.each([
    ['', 'tls-unavailable', 'tls', 'The XMPP server offers no encryption, but the link requires it.'],
    ['?tls=none', 'no-mechanism', 'features', expect.stringContaining('c2s_require_encryption = false')],
  ])('gives an answer that says what to do, with the option "%s"', async (option, code, step, detail) => {
    const warmer = await keep(startTestService({ servers: `localhost=xmpp://127.0.0.1:${server.c2sPort}${option}` }))
    const { status, json } = await warmer.warm(alice)
    expect([status, json['code'], json['step'], json['detail']]).toEqual([502, code, step, detail])
    expect(json['retry']).toBe(false)
  })
})
