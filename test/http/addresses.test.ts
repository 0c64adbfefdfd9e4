import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import type { Config } from '../../src/config/config.js'
import { readNetworks } from '../../src/config/networks.js'
import { boshUrl, homePath, redirectBase, secureBase } from '../../src/http/addresses.js'

const https: Config['https'] = {
  ports: [8443],
  files: { certificates: [], keys: [], passphrase: undefined, passphraseFile: undefined, dhparam: 'auto' },
  ciphers: undefined,
  minVersion: 'TLSv1.2',
}
const config = {
  externalUrl: undefined,
  assumeSecure: false,
  trustedProxies: readNetworks('10.0.0.0/8', () => undefined),
  https: undefined,
  boshPath: '/http-bind',
}

interface Sent {
  readonly headers?: Record<string, string>
  readonly from?: string
  readonly encrypted?: true
}

function asked({ headers = { host: 'chat.example:8080' }, from = '203.0.113.9', encrypted }: Sent = {}) {
  const socket = { remoteAddress: from, localAddress: '::ffff:192.0.2.1', localPort: 8080, encrypted }
  return { headers, socket } as unknown as IncomingMessage
}

describe('the address that browsers are told', () => {
  test.each<[string, object, Sent, string]>([
    [
      'that of the settings',
      { externalUrl: 'https://web.example/chat' },
      {},
      'https://web.example/chat/http-bind',
    ],
    ['the one that was asked', {}, {}, 'http://chat.example:8080/http-bind'],
    ['the one that was asked over TLS', {}, { encrypted: true }, 'https://chat.example:8080/http-bind'],
    ['where the connection has come to', {}, { headers: {} }, 'http://192.0.2.1:8080/http-bind'],
  ])('is %s', (_what, settings, sent, url) => {
    expect(boshUrl({ ...config, ...settings }, asked(sent))).toBe(url)
  })

  test.each(['', ':80', 'chat.example/x?', 'chat.example#x', 'alice@chat.example', 'chat example', '<b>'])(
    'is where the connection has come to if «%s» is all that is said of the host',
    host => expect(boshUrl(config, asked({ headers: { host } }))).toBe('http://192.0.2.1:8080/http-bind'),
  )
})

describe('the address over TLS', () => {
  const forwarded = (scheme: string) => ({
    from: '10.0.0.1',
    headers: { host: 'chat.example', 'x-forwarded-proto': scheme },
  })

  test.each([
    [
      'is that of the settings',
      { externalUrl: 'https://web.example/chat', https },
      {},
      'https://web.example/chat',
    ],
    ['is none where the settings have another', { externalUrl: 'http://web.example', https }, {}, undefined],
    ['is the port where it is listened for', { https }, {}, 'https://chat.example:8443'],
    [
      'has no port where that goes without saying',
      { https: { ...https, ports: [443, 8443] } },
      {},
      'https://chat.example',
    ],
    ['is not known where the system chose the port', { https: { ...https, ports: [0] } }, {}, undefined],
    ['is the one that was asked', { https }, { encrypted: true as const }, 'https://chat.example:8080'],
    ['is that of a trusted proxy', {}, forwarded('https'), 'https://chat.example'],
    ['is none of a proxy without TLS', {}, forwarded('http'), undefined],
    ['is not known otherwise', {}, {}, undefined],
    ['is not made of what is no host', { https }, { headers: { host: 'evil/path?' } }, undefined],
    ['is not made of a user', { https }, { headers: { host: 'chat.example@evil.example/' } }, undefined],
    ['is that of the connection without a host', { https }, { headers: {} }, 'https://192.0.2.1:8443'],
  ])('%s', (_what, settings, sent, url) => {
    expect(secureBase({ ...config, ...settings }, asked(sent))).toBe(url)
  })
})

describe('a request without TLS is sent to where there is', () => {
  const externalUrl = 'https://web.example'

  test.each([
    ['if it came straight here', {}, externalUrl],
    [
      'if a trusted proxy says that it had none',
      { from: '10.0.0.1', headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'http' } },
      externalUrl,
    ],
    ['but not if a stranger passed it on', { headers: { 'x-forwarded-proto': 'https' } }, undefined],
    ['but not if a proxy does not say', { from: '10.0.0.1', headers: { via: '1.1 proxy' } }, undefined],
  ])('%s', (_what, sent, url) => {
    expect(redirectBase({ ...config, externalUrl }, asked(sent))).toBe(url)
  })
})

test('the path before ours is that of the URL', () => {
  expect([undefined, 'https://a.example', 'https://a.example/b/c'].map(homePath)).toEqual(['', '', '/b/c'])
})
