// Users of an internationalized domain at Debian's Prosody, in each spelling of the domain.

import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { fewOrAll } from '../support/matrix.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { describeWith } from './needs.js'
import { User } from './user.js'

const uLabel = 'bücher.example'
const aLabel = 'xn--bcher-kva.example'
const passwords = { alice: 'wonderland', bob: 'builder' }
const spellings = [uLabel, 'BÜCHER.example', aLabel]
/** By name: the scope in the accounts' file. */
const scopes = { unicode: uLabel, ascii: aLabel, elsewhere: 'localhost' }

const isUsual = (way: string) => way === 'STARTTLS'

describeWith(['prosody', 'openssl'], 'A service for an internationalized domain at Prosody', () => {
  let prosody: Prosody
  const { file } = testFolder()
  /** By the kind of link. */
  const warmers: Record<string, TestService> = {}
  const users: User[] = []

  beforeAll(async () => {
    const lines = Object.entries(scopes).map(([name, scope]) => `${name}:secret:${scope}\n`)
    const accounts = file('accounts', `admin:admin-secret\n${lines.join('')}`)
    prosody = await startProsody({ domain: uLabel, users: passwords })
    const { c2sPort, httpPort, caFile } = prosody
    const start = (domain: string, server: string, more = {}) =>
      startTestService({
        servers: `${domain}=${server}`,
        environment: { XMPP_DOMAINS: domain, ADMIN_USERS: '', ADMIN_USERS_FILE: accounts, ...more },
      })
    warmers['STARTTLS'] = await start(uLabel, `xmpp://127.0.0.1:${c2sPort}?ca=${caFile}`)
    warmers['an unencrypted link'] = await start(aLabel, `xmpp://127.0.0.1:${c2sPort}?tls=none`)
    warmers['BOSH'] = await start(uLabel, `http://127.0.0.1:${httpPort}/http-bind`)
    const there = { REMOTE_ATTACH: 'there' }
    warmers['BOSH with REMOTE_ATTACH=there'] = await start(aLabel, `http://127.0.0.1:${httpPort}/http-bind`, there)
  })

  afterEach(async () => {
    await Promise.all(users.splice(0).map(user => user.leave()))
    for (const { service } of Object.values(warmers))
      await eventually('nothing is left open', () => service.counts().sessions + service.counts().links === 0)
  })

  afterAll(async () => {
    for (const warmer of Object.values(warmers)) await warmer.stop()
    await prosody?.stop()
  })

  const attach = (binding: Parameters<typeof User.attach>[1] & { url: string }) => {
    const user = User.attach(binding.url, binding)
    users.push(user)
    return user
  }

  const callAs = async (
    name: keyof typeof scopes,
    warmer: TestService,
    method: string,
    path: string,
    body?: object,
  ) => {
    const headers = {
      Authorization: `Basic ${Buffer.from(`${name}:secret`).toString('base64')}`,
      'Content-Type': 'application/json',
      Accept: 'application/json',
    }
    const { status, text } = await ask(
      warmer.url + path,
      { method, agent: false, headers },
      body && JSON.stringify(body),
    )
    return { status, json: text === '' ? {} : JSON.parse(text) }
  }

  test.each(fewOrAll(['STARTTLS', 'an unencrypted link', 'BOSH', 'BOSH with REMOTE_ATTACH=there'], isUsual))(
    'warms sessions over %s, and returns JIDs with U-labels',
    async way => {
      const warmer = warmers[way]!
      for (const domain of spellings) {
        const binding = await warmer.bind({ jid: `alice@${domain}`, password: passwords.alice, wait: 20 })
        expect(binding.jid).toMatch(/^alice@bücher\.example\/.+/)
        const alice = attach(binding)
        alice.say(`alice@${uLabel}`, `from ${domain}`)
        await alice.receives(`from ${domain}`)
      }
      expect(warmer.lines.join('\n')).toContain(`"jid":"alice@${uLabel}"`)
      expect(warmer.lines.join('\n')).not.toContain(aLabel)
    },
  )

  test.each(fewOrAll(['STARTTLS', 'an unencrypted link', 'BOSH'], isUsual))(
    'lets clients log in over %s',
    async way => {
      const warmer = warmers[way]!
      for (const domain of spellings) {
        const bob = await User.logIn(`${warmer.url}/http-bind`, {
          user: 'bob',
          domain,
          password: passwords.bob,
        })
        users.push(bob)
        expect(bob.bareJid).toBe(`bob@${uLabel}`)
        const listed = `/warm/sessions?jid=bob@${encodeURIComponent(domain)}&origin=client`
        const { json } = await callAs('unicode', warmer, 'GET', listed)
        expect(json.sessions.map(({ jid }: { jid: string }) => jid)).toContain(bob.jid)
        await bob.isUpToDate()
      }
    },
  )

  test('accepts admins whose scope has either spelling, and returns 403 to others', async () => {
    const warmer = warmers['STARTTLS']!
    for (const domain of spellings) {
      const wanted = { jid: `alice@${domain}`, password: passwords.alice }
      const refused = await callAs('elsewhere', warmer, 'POST', '/warm', wanted)
      expect([refused.status, refused.json.code]).toEqual([403, 'forbidden'])
      for (const name of ['unicode', 'ascii'] as const) {
        const { status, json } = await callAs(name, warmer, 'POST', '/warm', wanted)
        expect(status).toBe(200)
        for (const spelling of spellings) {
          const query = `?jid=alice@${encodeURIComponent(spelling)}&domain=${encodeURIComponent(spelling)}`
          const list = await callAs(name, warmer, 'GET', `/warm/sessions${query}`)
          expect(list.json.sessions).toMatchObject([{ id: json.id, jid: json.jid, domain: uLabel }])
        }
        const query = `?jid=${encodeURIComponent(`alice@${domain}`)}`
        expect((await callAs('elsewhere', warmer, 'DELETE', `/warm/sessions${query}`)).status).toBe(403)
        const again = await callAs(name, warmer, 'POST', `/warm/${json.id}/resume`)
        expect([again.status, again.json.jid]).toEqual([200, json.jid])
        expect((await callAs(name, warmer, 'DELETE', `/warm/sessions${query}`)).json).toEqual({ ended: 1 })
      }
    }
  })
})
