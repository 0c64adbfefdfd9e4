// Logins by SASL2 with Bind 2 (XEP-0388, XEP-0386), stream management included, at the servers that offer them.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { startEjabberd } from '../support/ejabberd.js'
import { eventually } from '../support/eventually.js'
import { fewOrAll, testRest } from '../support/matrix.js'
import { type Relay, startRelay } from '../support/relay.js'
import { majorOf } from '../support/server-process.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { bothServers, type XmppServer } from './servers.js'
import { alice, outlivesCuts, passwords, User } from './user.js'

const hasTokens = majorOf('ejabberd') >= 24
const tokens = '  mod_auth_fast: {}'
const prosodyIsNew = majorOf('prosody') >= 13
// These modules break streams in 0.12.
const sasl2Modules = `
plugin_paths = { "/usr/lib/prosody/modules" }
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "smacks", "sasl2", "sasl2_bind2", "sasl2_sm", "sasl2_fast" }
`

const kinds = bothServers(passwords, prosodyIsNew ? sasl2Modules : '', { modules: hasTokens ? tokens : '' })

for (const kind of fewOrAll(kinds, ({ name }) => name === 'Prosody')) {
  const isProsody = kind.name === 'Prosody'
  const offersSasl2 = isProsody ? prosodyIsNew : hasTokens
  describeWith([...kind.packages, ...(isProsody ? ['prosody-modules'] : [])], `SASL2 at ${kind.name}`, () => {
    let server: XmppServer
    let wire: Relay
    let here: TestService

    beforeAll(async () => {
      server = await kind.start()
    })
    beforeEach(async () => {
      wire = await startRelay(`http://127.0.0.1:${server.directTlsPort}`)
    })
    afterEach(async () => {
      await here?.stop()
      await eventually('all connections are closed', () => wire.talks.every(({ isOpen }) => !isOpen))
      await wire.stop()
    })
    afterAll(() => server?.stop())

    const start = async (options = '', environment: Record<string, string> = {}) => {
      const servers = `localhost=xmpps://127.0.0.1:${wire.port}?ca=${server.caFile}${options}`
      here = await startTestService({ servers, environment })
    }
    /** Round trips of eight logins. A server can send an answer in several pieces, and each counts as one. */
    const roundTrips = async (options: string) => {
      await start(options)
      const earlier = wire.talks.length
      for (let login = 1; login <= 8; login++) await here.bind(alice)
      return wire.talks.slice(earlier).reduce((sum, { turns }) => sum + turns, 0)
    }

    if (offersSasl2)
      test('saves round trips compared with sasl2=off', async () => {
        const usual = await roundTrips('')
        await here.stop()
        expect(usual).toBeLessThan(await roundTrips('&sasl2=off'))
      })

    test('returns 403 not-authorized for a wrong password', async () => {
      await start()
      for (const password of ['wonderland', 'wonderlanD', 'wonderland', 'wonderlanD']) {
        const { status, json } = await here.warm({ ...alice, password })
        expect([status, json['code']]).toEqual(
          password === passwords.alice ? [200, undefined] : [403, 'not-authorized'],
        )
      }
    })

    const offersTokens = offersSasl2 ? ['a token after PLAIN'] : []
    test.each(['the keys of SCRAM', ...offersTokens])('mends a broken link with %s', async secret => {
      await start('', secret === 'the keys of SCRAM' ? {} : { XMPP_MECHANISMS: 'PLAIN' })
      await outlivesCuts(await User.warm(here, alice), wire)
    })
  })
}

if (hasTokens)
  describeWith(['ejabberd', 'openssl'], 'An ejabberd that stores plain passwords', () => {
    testRest('issues a token that mends broken links, as its salts change', async () => {
      const authentication = 'auth_method: internal\nauth_password_format: plain'
      const server = await startEjabberd({ users: passwords, authentication, modules: tokens })
      const relay = await startRelay(`http://127.0.0.1:${server.directTlsPort}`)
      const here = await startTestService({
        servers: `localhost=xmpps://127.0.0.1:${relay.port}?ca=${server.caFile}`,
      })
      for (let login = 1; login <= 3; login++) await here.bind(alice)
      await outlivesCuts(await User.warm(here, alice), relay)
      await here.stop()
      await relay.stop()
      await server.stop()
    })
  })
