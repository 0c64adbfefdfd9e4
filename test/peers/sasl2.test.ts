// Logins by SASL2 with Bind 2 (XEP-0388, XEP-0386), stream management included, at the servers that offer them.
import { beforeAll, expect, test } from '@jest/globals'
import { stoppedAfterAll, stoppedAfterEach } from '../support/closers.js'
import { fewOrAll } from '../support/matrix.js'
import { startRelay } from '../support/relay.js'
import { majorOf } from '../support/server-process.js'
import { startTestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { bothServers, type XmppServer } from './servers.js'
import { alice, outlivesCuts, passwords, User } from './user.js'

const hasTokens = majorOf('ejabberd') >= 24
const prosodyIsNew = majorOf('prosody') >= 13
// These modules break streams in 0.12.
const sasl2Modules = `
plugin_paths = { "/usr/lib/prosody/modules" }
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "smacks", "sasl2", "sasl2_bind2", "sasl2_sm", "sasl2_fast" }
`

const kinds = bothServers(passwords, prosodyIsNew ? sasl2Modules : '', {
  modules: hasTokens ? '  mod_auth_fast: {}' : '',
})

for (const kind of fewOrAll(kinds, ({ name }) => name === 'Prosody')) {
  const isProsody = kind.name === 'Prosody'
  const offersSasl2 = isProsody ? prosodyIsNew : hasTokens
  describeWith([...kind.packages, ...(isProsody ? ['prosody-modules'] : [])], `SASL2 at ${kind.name}`, () => {
    const keepForAll = stoppedAfterAll()
    const keep = stoppedAfterEach()
    let server: XmppServer

    beforeAll(async () => {
      server = await keepForAll<XmppServer>(kind.start())
    })

    const start = async (options = '', environment: Record<string, string> = {}) => {
      const wire = await keep(startRelay(`http://127.0.0.1:${server.directTlsPort}`))
      const servers = `localhost=xmpps://127.0.0.1:${wire.port}?ca=${server.caFile}${options}`
      return { wire, here: await keep(startTestService({ servers, environment })) }
    }
    /** Round trips of eight logins. A server can send an answer in several pieces, and each counts as one. */
    const roundTrips = async (options: string) => {
      const { wire, here } = await start(options)
      for (let login = 1; login <= 8; login++) await here.bind(alice)
      return wire.talks.reduce((sum, { turns }) => sum + turns, 0)
    }

    if (offersSasl2)
      test('saves round trips compared with sasl2=off', async () =>
        expect(await roundTrips('')).toBeLessThan(await roundTrips('&sasl2=off')))

    const offersTokens = offersSasl2 ? ['a token after PLAIN'] : []
    test.each(['the keys of SCRAM', ...offersTokens])('mends a broken link with %s', async secret => {
      const { wire, here } = await start('', secret === 'the keys of SCRAM' ? {} : { XMPP_MECHANISMS: 'PLAIN' })
      await outlivesCuts(await User.warm(here, alice), wire)
    })
  })
}
