// Users of an internationalized domain at Debian's Prosody, in each spelling of the domain.
import { expect, test } from '@jest/globals'
import { stoppedAfterEach } from '../support/closers.js'
import { startProsody } from '../support/prosody.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { User } from './user.js'

const uLabel = 'bücher.example'
const aLabel = 'xn--bcher-kva.example'
const passwords = { alice: 'wonderland', bob: 'builder' }

describeWith(['prosody', 'openssl'], 'A service for an internationalized domain at Prosody', () => {
  const keep = stoppedAfterEach()

  test('warms sessions, and lets clients log in, with U-labels in all JIDs', async () => {
    const { c2sPort, caFile } = await keep(startProsody({ domain: uLabel, users: passwords }))
    const servers = `${uLabel}=xmpp://127.0.0.1:${c2sPort}?ca=${caFile}`
    const warmer = await keep(startTestService({ servers, environment: { XMPP_DOMAINS: uLabel } }))
    for (const domain of [uLabel, 'BÜCHER.example', aLabel]) {
      const alice = await keep(User.warm(warmer, { jid: `alice@${domain}`, password: passwords.alice }))
      expect(alice.jid).toMatch(/^alice@bücher\.example\/.+/)
      const bob = await keep(User.logIn(`${warmer.url}/http-bind`, { user: 'bob', domain, password: passwords.bob }))
      expect(bob.bareJid).toBe(`bob@${uLabel}`)
      const { json } = await callSessions(warmer.url, 'GET', `/sessions?jid=bob@${encodeURIComponent(domain)}`)
      expect(json.sessions).toContainEqual(expect.objectContaining({ jid: bob.jid, domain: uLabel }))
      alice.say(bob.jid, `from ${domain}`)
      await bob.receives(`from ${domain}`)
    }
    expect(warmer.lines.join('\n')).toContain(`"jid":"alice@${uLabel}"`)
    expect(warmer.lines.join('\n')).not.toContain(aLabel)
  })
})
