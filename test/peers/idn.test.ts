// Users of an internationalized domain at Debian's Prosody, in each spelling of the domain.

import { afterEach, beforeAll, expect, test } from '@jest/globals'
import { stoppedAfterAll } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { fewOrAll } from '../support/matrix.js'
import { startProsody } from '../support/prosody.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { User } from './user.js'

const uLabel = 'bücher.example'
const aLabel = 'xn--bcher-kva.example'
const passwords = { alice: 'wonderland', bob: 'builder' }
const spellings = [uLabel, 'BÜCHER.example', aLabel]

const isUsual = (way: string) => way === 'STARTTLS'

describeWith(['prosody', 'openssl'], 'A service for an internationalized domain at Prosody', () => {
  const keep = stoppedAfterAll()
  /** By the kind of link. */
  const warmers: Record<string, TestService> = {}
  const users: User[] = []

  beforeAll(async () => {
    const { c2sPort, httpPort, caFile } = await keep(startProsody({ domain: uLabel, users: passwords }))
    const start = async (domain: string, server: string, more = {}) => {
      const environment = { XMPP_DOMAINS: domain, ...more }
      return await keep(startTestService({ servers: `${domain}=${server}`, environment }))
    }
    warmers['STARTTLS'] = await start(uLabel, `xmpp://127.0.0.1:${c2sPort}?ca=${caFile}`)
    warmers['an unencrypted link'] = await start(aLabel, `xmpp://127.0.0.1:${c2sPort}?tls=none`)
    warmers['BOSH'] = await start(uLabel, `http://127.0.0.1:${httpPort}/http-bind`)
    const there = { REMOTE_ATTACH: 'there' }
    warmers['BOSH with REMOTE_ATTACH=there'] = await start(aLabel, `http://127.0.0.1:${httpPort}/http-bind`, there)
  })

  afterEach(async () => {
    await Promise.all(users.splice(0).map(user => user.leave()))
    for (const warmer of Object.values(warmers)) await eventually('nothing is left open', warmer.isIdle)
  })

  const attach = (binding: Parameters<typeof User.attach>[1] & { url: string }) => {
    const user = User.attach(binding.url, binding)
    users.push(user)
    return user
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
        const listed = `/sessions?jid=bob@${encodeURIComponent(domain)}&origin=client`
        const { json } = await callSessions(warmer.url, 'GET', listed)
        expect(json.sessions).toContainEqual(expect.objectContaining({ jid: bob.jid, domain: uLabel }))
        await bob.isUpToDate()
      }
    },
  )
})
