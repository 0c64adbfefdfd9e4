import type { IncomingMessage } from 'node:http'
import { networkInterfaces } from 'node:os'
import { describe, expect, test } from '@jest/globals'
import type { Config } from '../../src/config/config.js'
import { readNetworks } from '../../src/config/kinds/networks.js'
import { endpointUrls, homePath, redirectBase, secureBase } from '../../src/http/addresses.js'

const https: Config['https'] = {
  places: [{ host: '0.0.0.0', port: 8443 }],
  placesFrom: 'HOST',
  files: {
    certificates: [],
    chains: [],
    keys: [],
    passphrase: undefined,
    passphraseFile: undefined,
    dhparam: 'auto',
    clientCa: undefined,
  },
  ciphers: undefined,
  minVersion: 'TLSv1.2',
  clientAuth: 'off',
}
const limits = { backlog: 511, maxConnections: 0, maxConnectionsPerAddress: 0, socketMode: 0o660, proxyProtocol: false }
/** Settings for these addresses (`host port`), without TLS. */
const listening = (...addresses: string[]) => ({
  listen: {
    ...limits,
    places: addresses.map(address => {
      const [host = '', port] = address.split(' ')
      return { host, port: Number(port) }
    }),
  },
})
const config = {
  externalUrl: undefined,
  assumeSecure: false,
  trustedProxies: readNetworks('10.0.0.0/8', () => undefined),
  https: undefined,
  listen: { ...limits, places: [{ host: '192.0.2.1', port: 8080 }] },
  http: {
    hosts: new Map(),
    own: [],
    defaultHost: undefined,
    strictHost: false,
    hostMeta: true,
    fast: true,
    names: ['chat.example', 'name.example'],
  },
  boshPath: '/http-bind',
  websocketPath: '/xmpp-websocket',
}

const boshUrl = (settings: Parameters<typeof endpointUrls>[0], request: IncomingMessage) =>
  endpointUrls(settings, 'chat.example', request).bosh

interface Sent {
  readonly headers?: Record<string, string>
  readonly from?: string
  readonly encrypted?: true
  /** The service's end of the connection. */
  readonly own?: { readonly localAddress: string; readonly localPort: number }
}

const usualOwn = { localAddress: '::ffff:192.0.2.1', localPort: 8080 }

function asked({ headers = { host: 'chat.example:8080' }, from = '203.0.113.9', encrypted, own }: Sent = {}) {
  const socket = { remoteAddress: from, encrypted, ...usualOwn, ...own }
  return { headers, socket } as unknown as IncomingMessage
}

describe('the address for browsers', () => {
  test.each<[string, object, Sent, string]>([
    ['that of the settings', { externalUrl: 'https://web.example/chat' }, {}, 'https://web.example/chat/http-bind'],
    ['the one that was asked', {}, {}, 'http://chat.example:8080/http-bind'],
    ['where the connection has come to', {}, { headers: {} }, 'http://192.0.2.1:8080/http-bind'],
  ])('is %s', (_what, settings, sent, url) => {
    expect(boshUrl({ ...config, ...settings }, asked(sent))).toBe(url)
  })

  test.each(['', ':80', 'chat.example/x?', 'chat.example#x', 'alice@chat.example', 'chat example', '<b>'])(
    'is where the connection has come to if «%s» is all that is said of the host',
    host => expect(boshUrl(config, asked({ headers: { host } }))).toBe('/http-bind'),
  )

  const secure = { https: { ...https, places: [{ host: '192.0.2.1', port: 8443 }] }, listen: config.listen }
  const forwarded = { from: '10.0.0.1', headers: { 'x-forwarded-proto': 'https' } }
  const own = Object.values(networkInterfaces()).flatMap(list => list?.map(({ address }) => address) ?? [])

  test.each<[string, string, object, Sent]>([
    ['where we listen', '192.0.2.1:8080', {}, {}],
    ['where the connection has come to', '192.0.2.1:8080', listening('name.example 8080'), {}],
    ['another one where we listen', '192.0.2.7:81', listening('192.0.2.1 8080', '192.0.2.7 81'), {}],
    ['an IPv6 address where we listen', '[2001:db8::1]:81', listening('2001:DB8:0::1 81'), {}],
    ['one of this machine, where all are', '127.0.0.1:8080', listening('0.0.0.0 8080'), {}],
    ['its name, where all are', 'localhost:8080', listening(':: 8080'), {}],
    ['its name, where it is', 'LOCALHOST:8080', listening('127.0.0.1 8080'), {}],
    ['its address, where its name is', '127.0.0.1:8080', listening('localhost 8080'), {}],
    ['a name in the settings', 'name.example:8080', {}, {}],
    ['a name in the settings, without a port', 'name.example', {}, {}],
    ['a name in the settings, before us over TLS', 'chat.example', {}, forwarded],
    ['a port that the system chose', '127.0.0.1:8080', listening('0.0.0.0 0'), {}],
  ])('may be made of %s', (_what, host, settings, sent) => {
    const scheme = sent === forwarded ? 'https' : 'http'
    const request = asked({ ...sent, headers: { ...sent.headers, host } })
    expect(boshUrl({ ...config, ...settings }, request)).toBe(`${scheme}://${host.toLowerCase()}/http-bind`)
  })

  test('may be each address of each interface, if all are listened on', () => {
    expect(own).not.toEqual([])
    for (const address of own.filter(address => !address.startsWith('fe80'))) {
      const host = `${address.includes(':') ? `[${address}]` : address}:8080`
      const request = asked({ headers: { host } })
      expect(boshUrl({ ...config, ...listening(':: 8080') }, request)).toBe(`http://${host}/http-bind`)
    }
  })

  test.each<[string, string, object, Sent]>([
    ['another name', 'evil.example', {}, {}],
    ['another name with our port', 'evil.example:8080', {}, {}],
    ['a name that only begins like one of ours', 'chat.example.evil.example', {}, {}],
    ['another port of ours', '192.0.2.1:81', {}, {}],
    ['another port of a name', 'chat.example:81', {}, {}],
    ['another address', '203.0.113.1:8080', listening('0.0.0.0 8080'), {}],
    ['an IPv6 address where only IPv4 is', '[::1]:8080', listening('0.0.0.0 8080'), {}],
    ['this machine, where only another address is', 'localhost:8080', listening('192.0.2.1 8080'), {}],
    ['the port for others than those over TLS', '192.0.2.1:8080', {}, { encrypted: true }],
    ['a proxy that the settings do not know', '192.0.2.1:8080', {}, forwarded],
    ['the port of those over TLS without it', '192.0.2.9:8443', secure, {}],
  ])('is not made of %s, but is a path only', (_what, host, settings, sent) => {
    const own = { localAddress: '192.0.2.1', localPort: sent.encrypted ? 8443 : 8080 }
    const request = asked({ ...sent, headers: { ...sent.headers, host }, own })
    expect(boshUrl({ ...config, ...settings }, request)).toBe('/http-bind')
  })
})

describe('the address over TLS', () => {
  const forwarded = (scheme: string) => ({
    from: '10.0.0.1',
    headers: { host: 'chat.example', 'x-forwarded-proto': scheme },
  })

  test.each([
    ['is that of the settings', { externalUrl: 'https://web.example/chat', https }, {}, 'https://web.example/chat'],
    ['is none where the settings have another', { externalUrl: 'http://web.example', https }, {}, undefined],
    ['is the port where it is listened for', { https }, {}, 'https://chat.example:8443'],
    [
      'has no port where that goes without saying',
      { https: { ...https, places: [443, 8443].map(port => ({ host: '0.0.0.0', port })) } },
      {},
      'https://chat.example',
    ],
    [
      'is not known where the system chose the port',
      { https: { ...https, places: [{ host: '0.0.0.0', port: 0 }] } },
      {},
      undefined,
    ],
    [
      'is the one that was asked',
      { https },
      {
        encrypted: true as const,
        own: { localAddress: '192.0.2.1', localPort: 8443 },
        headers: { host: 'chat.example:8443' },
      },
      'https://chat.example:8443',
    ],
    ['is not one that was made up', { https }, { headers: { host: 'evil.example' } }, undefined],
    [
      'is not made up over TLS either',
      { https },
      { headers: { host: 'evil.example:8443' }, encrypted: true as const },
      undefined,
    ],
    [
      'is not where https is not listened on',
      { https: { ...https, places: [{ host: '192.0.2.7', port: 8443 }] } },
      { headers: { host: '192.0.2.1:8080' } },
      undefined,
    ],
    [
      'is where it is listened on, at that address',
      {
        https: {
          ...https,
          places: [
            { host: '192.0.2.7', port: 81 },
            { host: '127.0.0.1', port: 82 },
          ],
        },
      },
      { headers: { host: 'localhost' } },
      'https://localhost:82',
    ],
    ['is that of a trusted proxy', {}, forwarded('https'), 'https://chat.example'],
    ['is none of a proxy without TLS', {}, forwarded('http'), undefined],
    ['is not known otherwise', {}, {}, undefined],
    ['is not made of what is no host', { https }, { headers: { host: 'evil/path?' } }, undefined],
    ['is not made of a user', { https }, { headers: { host: 'chat.example@evil.example/' } }, undefined],
    [
      'is that of the connection without a host',
      { https: { ...https, places: [{ host: '192.0.2.1', port: 8443 }] } },
      { headers: {} },
      'https://192.0.2.1:8443',
    ],
  ])('%s', (_what, settings, sent, url) => {
    expect(secureBase({ ...config, ...settings }, asked(sent))).toBe(url)
  })
})

describe('a request without TLS is redirected to TLS', () => {
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

test("the path before the service's paths is the path of the URL", () => {
  expect([undefined, 'https://a.example', 'https://a.example/b/c'].map(homePath)).toEqual(['', '', '/b/c'])
})
