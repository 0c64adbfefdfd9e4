import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { sayFailure, saySuccess } from '../../../src/command/trial/trial-report.js'
import { loadConfig } from '../../../src/config/load.js'
import { Problem } from '../../../src/lib/errors.js'
import { CertificateFault } from '../../../src/servers/net/certificate-fault.js'
import type { BindingObject } from '../../../src/warm/answers.js'
import { testFolder } from '../../support/test-folder.js'

const jid = 'alice@example.org'

const { folder, file } = testFolder()
const SEAL_KEY_FILE = file('key', Buffer.alloc(32, 1).toString('base64'))

const trial = (XMPP_SERVERS = '', login = {}, environment = {}) => {
  const { config } = loadConfig({ ADMIN_USERS: 'a:b', XMPP_DOMAINS: '*', XMPP_SERVERS, ...environment })
  return { jid, config, login: { domain: 'example.org', ...login } }
}

describe('a login that succeeded', () => {
  const binding: BindingObject = {
    ...{ jid: `${jid}/desk`, sid: 'the-sid', rid: 4711, id: 'the-id' },
    ...{ wait: 60, hold: 1, requests: 2, inactivity: 150, polling: 5, maxpause: undefined, ver: '1.6' },
    ...{ url: '/http-bind', expires_in: 120, csi: true, link_state: true },
    ...{ credential: undefined, guest_token: undefined },
    ...{ resumed: false, delivered: undefined, received: undefined },
    websocket: { url: 'wss://chat.example/xmpp-websocket/warm', token: 'the-token', expires_in: 120 },
    cookie: { name: 'attach', value: 'the-cookie', attributes: 'Path=/' },
  }
  const told = saySuccess(binding, trial('', { mechanism: 'SCRAM-SHA-256', encrypted: true, ms: 35 }))

  test('is reported with the answer that a page would get, and how the login was done', () => {
    expect(told).toMatch(/^alice@example\.org can be logged in: POST \/warm would answer with this session\.\n/)
    expect(told).toMatch(/^ {2}jid {10}alice@example\.org\/desk$/m)
    expect(told).toMatch(/^ {2}inactivity {3}150$/m)
    expect(told).toMatch(/^ {2}url .* \/http-bind \(at the address of the call: EXTERNAL_URL is not set\)$/m)
    expect(told).toMatch(/^ {2}websocket .*wss:\/\/chat\.example\/xmpp-websocket\/warm, with a token \(not shown\)$/m)
    expect(told).toContain('Login: SCRAM-SHA-256 over an encrypted link, in 35 ms.')
    expect(told).toContain('This was a trial: the session has ended, and nothing stays logged in.')
    expect(told).not.toMatch(/undefined|maxpause/)
    // Secrets of a live session.
    expect(told).not.toMatch(/the-sid|4711|the-token|the-cookie/)
  })

  test('is reported with the setting that turns the warm API on, if it is off', () => {
    const off = saySuccess(binding, trial('', {}, { WARM_ENABLED: 'off' }))
    expect(off).toMatch(
      /^alice@example\.org can be logged in\. POST \/warm is off: with WARM_ENABLED=on it would answer with this session\.\n/,
    )
    const failed = sayFailure(new Problem('invalid-jid'), trial('', {}, { WARM_ENABLED: 'off' }))
    expect(failed).toMatch(
      /^alice@example\.org cannot be logged in\. POST \/warm is off: with WARM_ENABLED=on it would answer 400 invalid-jid\.\n/,
    )
  })
})

const binding = { jid, sid: 's', rid: 1, id: 'i' } as BindingObject
const told = (login: object, servers?: string, environment?: Record<string, string>) =>
  /^Stream management: (.*)$/m.exec(saySuccess(binding, trial(servers, login, environment)))?.[1]

test('stream management is reported with its effect on sessions, and advice', () => {
  const management = 'resumable'
  const STATE_DIR = join(folder, 'state')
  for (const store of [{ STATE_DIR }, { REDIS_URL: 'redis://127.0.0.1' }])
    expect(told({ management }, '', { ...store, SEAL_KEY_FILE })).toBe(
      'yes. Broken links are mended, and sessions survive a restart.',
    )
  expect(told({ management })).toContain('If you set STATE_DIR')
  expect(told({ management: 'not-offered' })).toMatch(/^no\. Sessions end .* smacks \(Prosody\) or mod_stream_mgmt/)
  expect(told({ management: 'not-resumable' })).toContain('PLAIN and ANONYMOUS cannot be repeated')
  expect(told({ management: 'not-resumable' }, '', { LINK_RESUME_TIME: '0' })).toContain('LINK_RESUME_TIME is 0')
  expect(told({ management: 'unanswered' })).toContain('did not answer within 2 s')
  expect(told({ management: 'off' })).toContain('sm=off')
  expect(told({}, '*=https://other.example/bosh')).toMatch(/^not over a BOSH endpoint/)
  expect(told({})).toContain('ended at once')
})

test.each([
  ['', /^Server: from the DNS records of example\.org, or else this host at port 5222\.$/m],
  ['example.org=xmpp://[::1]:15222', /^Server: \[::1\]:15222, from XMPP_SERVERS\.$/m],
  ['*=xmpps://10.0.0.5', /^Server: 10\.0\.0\.5:5223, from XMPP_SERVERS\.$/m],
  ['*=https://other.example/bosh', /^Server: the BOSH endpoint https:\/\/other\.example\/bosh, from XMPP/m],
  ['*=host-meta', /^Server: the BOSH endpoint in the host-meta of example\.org, from XMPP_SERVERS\.$/m],
])('how the server was found is reported for %j', (servers, line) => {
  expect(sayFailure(new Problem('timeout', { step: 'connect' }), trial(servers))).toMatch(line)
})

describe('a login that failed', () => {
  test('is reported with the answer, the step, the reason, and advice', () => {
    const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', address: '::1', port: 5222 })
    const problem = new Problem('remote-connection-failed', { step: 'connect', cause })
    const told = sayFailure(problem, trial('example.org=xmpp://localhost'))
    expect(told).toMatch(/^alice@example\.org cannot be logged in: POST \/warm would answer 502 remote-conn/)
    expect(told).toContain('\nThe XMPP server cannot be reached, or closed the connection.\n')
    expect(told).toContain('\nStep: connect, connecting to the server.\n')
    expect(told).toContain('\nError of the system: ECONNREFUSED at [::1]:5222.\n')
    expect(told).toContain('\nWhat to do: Does the XMPP server run')
    expect(told).toContain('nothing stays logged in')
  })

  test('names the certificate, and the mechanism that was refused', () => {
    const shown = {
      ...{ subjectaltname: 'DNS:old.example', issuer: { CN: 'Our\nCA' }, fingerprint256: 'AB:CD' },
      ...{ valid_from: 'Jan  2 00:00:00 2020 GMT', valid_to: 'Jan  3 00:00:00 2020 GMT' },
    }
    const cause = new CertificateFault('CERT_HAS_EXPIRED', shown as never, 'example.org')
    const certificate = new Problem('certificate-invalid', { step: 'tls', cause, detail: cause.message })
    expect(sayFailure(certificate, trial())).toContain(
      'Certificate: issued for old.example, issued by Our?CA, valid from 2020-01-02 to 2020-01-03, SHA-256 AB:CD.\n',
    )
    const password = new Problem('not-authorized', { step: 'sasl', condition: 'not-authorized' })
    const told = sayFailure(password, trial('', { mechanism: 'SCRAM-SHA-1' }))
    expect(told).toContain('Step: sasl, checking the credentials with SCRAM-SHA-1.\n')
    expect(told).toContain('Condition of the server: not-authorized.\n')
  })

  test.each(['host-unknown', 'remote-connection-failed', 'remote-protocol-error', 'timeout'] as const)(
    'at a BOSH endpoint with %s leads to advice about the URL, not about DNS or ports',
    code => {
      const problem = new Problem(code, { step: 'connect', detail: 'HTTP 404: is the path right?' })
      const named = sayFailure(problem, trial('example.org=https://xmpp.example.org/wrong'))
      expect(named).toContain(' HTTP 404: is the path right?\n')
      expect(named).toContain('\nWhat to do: Check scheme, host, port and path of the endpoint in XMPP_SERVERS.')
      const found = sayFailure(problem, trial('example.org=host-meta'))
      expect(found).toContain('\nWhat to do: Does /.well-known/host-meta of the domain name a BOSH endpoint?')
      for (const text of [named, found]) expect(text).not.toMatch(/DNS|client port|xmpp:\/\//)
    },
  )

  test('before a server was found is reported without a server', () => {
    const told = sayFailure(new Problem('invalid-jid'), trial())
    expect(told).toContain('would answer 400 invalid-jid.')
    expect(told).not.toMatch(/^(Step|Server|Certificate):/m)
  })

  test('because of a fault in the service is reported with its trace, and without its message', () => {
    const told = sayFailure(new Problem('internal-error', { cause: new Error('Pa55word') }), trial())
    expect(told).toMatch(/Please report this: .*"error":"Error"/)
    expect(told).not.toContain('Pa55word')
  })
})
