// SCRAM with channel binding. The servers of Debian 12 support `tls-unique` only, which TLS 1.3 lacks.
// Those of Debian 13 also support `tls-exporter`.
import { expect, test } from '@jest/globals'
import { stoppedAfterEach } from '../support/closers.js'
import { startEjabberd } from '../support/ejabberd.js'
import { testRest } from '../support/matrix.js'
import { startProsody } from '../support/prosody.js'
import { majorOf } from '../support/server-process.js'
import { startTestService, type WarmReply } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { overStarttls, type XmppServer } from './servers.js'

const users = { alice: 'wonderland' }
const alice = { jid: 'alice@localhost', password: users.alice }
const prosody = (config: string) => startProsody({ users, config: `c2s_require_encryption = true\n${config}` })
const ejabberd = (config: string) =>
  startEjabberd({ users, authentication: `auth_method: internal\nauth_password_format: scram\n${config}` })

const keep = stoppedAfterEach()

/** Warms with these mechanisms only. '' is the default. */
async function warmWith(mechanisms: string, server: XmppServer): Promise<WarmReply> {
  const environment = mechanisms === '' ? {} : { XMPP_MECHANISMS: mechanisms }
  const service = await keep(startTestService({ servers: overStarttls(server), environment }))
  return service.warm(alice)
}

const only = 'SCRAM-SHA-1-PLUS'

const kinds = [
  {
    name: 'prosody',
    inTest: test,
    start: (version: '1_2' | '1_3') => prosody(`c2s_ssl = { protocol = "tlsv${version}" }`),
    overTls13: majorOf('prosody') >= 13,
    otherwise: 'offers no -PLUS mechanism over TLS 1.3 (502 no-mechanism)',
    refusal: { status: 502, code: 'no-mechanism', step: 'sasl' },
  },
  {
    name: 'ejabberd',
    inTest: testRest,
    start: (version: '1_2' | '1_3') => ejabberd(version === '1_2' ? 'c2s_protocol_options: [no_tlsv1_3]' : ''),
    overTls13: majorOf('ejabberd') >= 24,
    otherwise: 'offers SCRAM-SHA-1-PLUS over TLS 1.3 but rejects it, and a login succeeds without',
    // The failure looks like a wrong password.
    refusal: { status: 403, code: 'not-authorized', step: 'sasl' },
  },
]

for (const { name, inTest, start, overTls13, otherwise, refusal } of kinds)
  describeWith([name, 'openssl'], name, () => {
    inTest('accepts SCRAM-SHA-1-PLUS over TLS 1.2, and logins without it', async () => {
      const server = await keep<XmppServer>(start('1_2'))
      // The default, then without channel binding.
      for (const mechanisms of [only, '', 'SCRAM-SHA-1'])
        expect(await warmWith(mechanisms, server)).toMatchObject({ status: 200 })
    })

    inTest(overTls13 ? 'accepts SCRAM-SHA-1-PLUS over TLS 1.3' : otherwise, async () => {
      const server = await keep<XmppServer>(start('1_3'))
      const { status, json } = await warmWith(only, server)
      expect({ status, ...json }).toMatchObject(overTls13 ? { status: 200 } : refusal)
      expect(await warmWith('', server)).toMatchObject({ status: 200 })
    })
  })
