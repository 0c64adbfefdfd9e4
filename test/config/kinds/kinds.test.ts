import { describe, expect, test } from '@jest/globals'
import { load, problems } from '../../support/settings.js'

test.each([
  ['', 'stdout'],
  ['STDERR', 'stderr'],
  ['off', 'off'],
  ['./audit.log', { file: './audit.log' }],
])('AUDIT_LOG %j is accepted', (AUDIT_LOG, value) => expect(load({ AUDIT_LOG }).config.auditLog).toEqual(value))

test.each(['sdtout', 'audit.log', '/var/log/'])('AUDIT_LOG %j is refused', AUDIT_LOG =>
  expect(problems({ AUDIT_LOG })).toEqual([
    `AUDIT_LOG must be stdout, stderr, off or the path of a file, such as ./audit.log, not "${AUDIT_LOG}"`,
  ]),
)

test.each([
  ['[::1]:9110', { host: '::1', port: 9110 }],
  ['[::]:0', { host: '::', port: 0 }],
  ['LocalHost:65535', { host: 'localhost', port: 65535 }],
  ['none', undefined],
])('METRICS_ADDRESS may be %s', (METRICS_ADDRESS, address) => {
  expect(load({ METRICS_ADDRESS }).config.metricsAddress).toEqual(address)
})

test.each(['9110', ':9110', '127.0.0.1', '127.0.0.1:', '::1:9110', '[::1]', '127.0.0.1:65536', '[x]:1', 'a b:1'])(
  'METRICS_ADDRESS may not be %s',
  METRICS_ADDRESS => {
    expect(problems({ METRICS_ADDRESS })).toEqual([
      'METRICS_ADDRESS must be an address with a port, such as 127.0.0.1:9110 or [::1]:9110, or none',
    ])
  },
)

describe('XMPP_MECHANISMS', () => {
  const all =
    'SCRAM-SHA-512-PLUS, SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1, PLAIN'

  test('keep the operator’s order, each once, in capitals', () => {
    expect(load({ XMPP_MECHANISMS: 'plain, scram-sha-1 ,,SCRAM-SHA-256,PLAIN' }).config.mechanisms).toEqual([
      ...['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256'],
    ])
  })

  test('cannot have one that is not for passwords', () => {
    for (const name of ['DIGEST-MD5', 'SCRAM', 'SCRAM-SHA1', 'OAUTHBEARER', 'EXTERNAL', 'ANONYMOUS', '*'])
      expect(problems({ XMPP_MECHANISMS: `SCRAM-SHA-1,${name}` })).toEqual([
        `XMPP_MECHANISMS has "${name}", which is none of ${all}`,
      ])
    expect(problems({ XMPP_MECHANISMS: ',' })).toEqual([`XMPP_MECHANISMS must have at least one of ${all}`])
  })
})

describe('LOG_LEVEL', () => {
  test.each([
    ['info,bosh=debug,warm=warn', 'info', { bosh: 'debug', warm: 'warn' }],
    ['c2s=trace, Error, remote = silent', 'error', { c2s: 'trace', remote: 'silent' }],
    ['http=debug', 'info', { http: 'debug' }],
  ])('may be %s', (LOG_LEVEL, usual, parts) => {
    expect(load({ LOG_LEVEL }).config.logLevels).toEqual({ usual, parts: new Map(Object.entries(parts)) })
  })

  const levels = 'must be one of fatal, error, warn, info, debug, trace, silent, not'
  const parts = 'bosh, websocket, warm, login, c2s, remote, events, nodes, store, http'
  test.each([
    ['loud', `${levels} "loud"`],
    ['info,', `${levels} ""`],
    ['bosh=', `${levels} ""`],
    ['info,xmpp=debug', `has the unknown part "xmpp": use one of ${parts}`],
    ['info,warn', 'has more than one level for all parts'],
    ['bosh=info,bosh=warn', 'has bosh twice'],
  ])('may not be %s', (LOG_LEVEL, problem) => {
    expect(problems({ LOG_LEVEL })).toEqual([`LOG_LEVEL ${problem}`])
  })
})

describe('CORS_ORIGINS', () => {
  const origins = (CORS_ORIGINS: string) => load({ CORS_ORIGINS }).config.corsOrigins

  test('allow any origin with an asterisk, and none if set to none, but not if empty', () => {
    expect([origins(' * '), origins('none')]).toEqual([['*'], []])
    expect(problems({ CORS_ORIGINS: ',' })).toEqual([
      'CORS_ORIGINS must have an origin such as https://www.example.org, * for any, or none',
    ])
  })

  test('are compared as browsers write them, each once', () => {
    const same = 'https://WWW.example.org, https://www.example.org:443/'
    expect(origins(`${same},http://localhost:80,http://[::1]:3000,https://bücher.example`)).toEqual([
      ...['https://www.example.org', 'http://localhost', 'http://[::1]:3000', 'https://xn--bcher-kva.example'],
    ])
  })

  test.each([
    ...['www.example.org', 'https://*.example.org', 'https://www.example.org/chat', 'https://www.example.org#top'],
    ...['https://user@www.example.org', 'https://www.example.org:port', 'wss://www.example.org', 'null', '*', 'none'],
  ])('cannot have %s among them', entry => {
    expect(problems({ CORS_ORIGINS: `https://example.net,${entry}` })).toEqual([
      `CORS_ORIGINS has "${entry}", which is no origin such as https://www.example.org`,
    ])
  })
})

test('a word may have capitals', () => {
  expect(load({ ATTACH_BINDING: 'Cookie' }).config.bosh.attachBinding).toBe('cookie')
})
