// Warming at Debian's Prosody and ejabberd, and the replies of POST /warm.

import { expect, test } from '@jest/globals'
import { stoppedAfterEach } from '../support/closers.js'
import { combinations } from '../support/matrix.js'
import { startProsody } from '../support/prosody.js'
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
    test('binds the resource of a full JID, or a resource of the server for a bare JID', async () => {
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
    ])('returns 403 not-authorized for %s', async (_, parameters) => {
      const { status, headers, json } = await place().warmer.warm(parameters)
      expect(status).toBe(403)
      expect(headers['content-type']).toMatch(/^application\/problem\+json/)
      expect(json).toMatchObject({ title: 'Forbidden', code: 'not-authorized', step: 'sasl' })
      expect(json['condition']).toBe('not-authorized')
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
  })
}

const goodbye = (binding: WarmBinding) => User.attach(binding.url, binding).leave()

const keep = stoppedAfterEach()

describeWith(['prosody', 'openssl'], 'A Prosody that requires encryption, but offers none', () => {
  test.each([
    ['', 'tls-unavailable', 'tls', 'The XMPP server offers no encryption, but the link requires it.'],
    ['?tls=none', 'no-mechanism', 'features', expect.stringContaining('c2s_require_encryption = false')],
  ])('gives an answer that says what to do, with the option "%s"', async (option, code, step, detail) => {
    const config = 'c2s_require_encryption = true\nmodules_disabled = { "s2s", "tls" }'
    const { c2sPort } = await keep(startProsody({ users, config }))
    const warmer = await keep(startTestService({ servers: `localhost=xmpp://127.0.0.1:${c2sPort}${option}` }))
    const { status, json } = await warmer.warm(alice)
    expect({ status, ...json }).toMatchObject({ status: 502, code, step, detail, retry: false })
  })
})
