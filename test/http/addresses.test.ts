import type { IncomingMessage } from 'node:http'
import { networkInterfaces } from 'node:os'
import { describe, expect, test } from '@jest/globals'
import type { Config } from '../../src/config/config.js'
import { endpointUrls, homePath, redirectBase, secureBase } from '../../src/http/addresses.js'
import { networks, config as usual } from '../warm/fake-login.js'

/** Places to listen at, each written as `host port`. */
const placesAt = (addresses: readonly string[]) =>
  addresses.map(address => {
    const [host = '', port] = address.split(' ')
    return { host, port: Number(port) }
  })
const listening = (...addresses: string[]) => ({ listen: { ...usual.listen, places: placesAt(addresses) } })
const withTls = (...addresses: string[]) => ({ https: { places: placesAt(addresses) } as unknown as Config['https'] })
const { https } = withTls('0.0.0.0 8443')
const config: Config = {
  ...usual,
  ...listening('192.0.2.1 8080'),
  externalUrl: undefined,
  trustedProxies: networks('10.0.0.0/8'),
  http: { ...usual.http, names: ['chat.example', 'name.example'] },
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

describe('the URL for browsers', () => {
  test.each<[string, object, Sent, string]>([
    ['EXTERNAL_URL', { externalUrl: 'https://web.example/chat' }, {}, 'https://web.example/chat/http-bind'],
    ['the requested host', {}, {}, 'http://chat.example:8080/http-bind'],
    ['the local address of the connection', {}, { headers: {} }, 'http://192.0.2.1:8080/http-bind'],
  ])('is %s', (_what, settings, sent, url) => {
    expect(boshUrl({ ...config, ...settings }, asked(sent))).toBe(url)
  })

  test.each(['', ':80', 'chat.example/x?', 'chat.example#x', 'alice@chat.example', 'chat example', '<b>'])(
    'has no host if the Host header is «%s»',
    host => expect(boshUrl(config, asked({ headers: { host } }))).toBe('/http-bind'),
  )

  const secure = { ...withTls('192.0.2.1 8443'), listen: config.listen }
  const forwarded = { from: '10.0.0.1', headers: { 'x-forwarded-proto': 'https' } }
  const own = Object.values(networkInterfaces()).flatMap(list => list?.map(({ address }) => address) ?? [])

  test.each<[string, string, object, Sent]>([
    ['a listening address', '192.0.2.1:8080', {}, {}],
    ['the local address of the connection', '192.0.2.1:8080', listening('name.example 8080'), {}],
    ['an IPv6 listening address', '[2001:db8::1]:81', listening('2001:DB8:0::1 81'), {}],
    ['localhost, when listening on all addresses', 'localhost:8080', listening(':: 8080'), {}],
    ['a loopback address, when listening on localhost', '127.0.0.1:8080', listening('localhost 8080'), {}],
    ['a name in the settings', 'name.example:8080', {}, {}],
    ['a name in the settings, behind a proxy with TLS', 'chat.example', {}, forwarded],
    ['a port that the system has chosen', '127.0.0.1:8080', listening('0.0.0.0 0'), {}],
  ])('may be made of the Host header: %s', (_what, host, settings, sent) => {
    const scheme = sent === forwarded ? 'https' : 'http'
    const request = asked({ ...sent, headers: { ...sent.headers, host } })
    expect(boshUrl({ ...config, ...settings }, request)).toBe(`${scheme}://${host.toLowerCase()}/http-bind`)
  })

  test('may have any address of any interface when listening on all addresses', () => {
    expect(own).not.toEqual([])
    for (const address of own.filter(address => !address.startsWith('fe80'))) {
      const host = `${address.includes(':') ? `[${address}]` : address}:8080`
      const request = asked({ headers: { host } })
      expect(boshUrl({ ...config, ...listening(':: 8080') }, request)).toBe(`http://${host}/http-bind`)
    }
  })

  test.each<[string, string, object, Sent]>([
    ['an unknown name', 'evil.example', {}, {}],
    ['a name that begins like a known name', 'chat.example.evil.example', {}, {}],
    ['another port of a listening address', '192.0.2.1:81', {}, {}],
    ['another port of a known name', 'chat.example:81', {}, {}],
    ['an unknown address', '203.0.113.1:8080', listening('0.0.0.0 8080'), {}],
    ['an IPv6 address, when listening on IPv4 only', '[::1]:8080', listening('0.0.0.0 8080'), {}],
    ['localhost, when listening on another address', 'localhost:8080', listening('192.0.2.1 8080'), {}],
    ['the HTTP port, for a request over TLS', '192.0.2.1:8080', {}, { encrypted: true }],
    ['the address of an unknown proxy', '192.0.2.1:8080', {}, forwarded],
    ['the HTTPS port, for a request without TLS', '192.0.2.9:8443', secure, {}],
  ])('is only a path if the Host header is %s', (_what, host, settings, sent) => {
    const own = { localAddress: '192.0.2.1', localPort: sent.encrypted ? 8443 : 8080 }
    const request = asked({ ...sent, headers: { ...sent.headers, host }, own })
    expect(boshUrl({ ...config, ...settings }, request)).toBe('/http-bind')
  })
})

describe('the URL over TLS', () => {
  const forwarded = (scheme: string) => ({
    from: '10.0.0.1',
    headers: { host: 'chat.example', 'x-forwarded-proto': scheme },
  })

  const external = (externalUrl: string) => ({ externalUrl, https })
  const to = (host: string): Sent => ({ headers: { host } })
  const own = { localAddress: '192.0.2.1', localPort: 8443 }
  const overTls = (host: string): Sent => ({ ...to(host), encrypted: true, own })

  test.each<[string, object, Sent, string | undefined]>([
    ['is EXTERNAL_URL', external('https://web.example/chat'), {}, 'https://web.example/chat'],
    ['is unknown if EXTERNAL_URL is without TLS', external('http://web.example'), {}, undefined],
    ['has the HTTPS port', { https }, {}, 'https://chat.example:8443'],
    ['has no port if the HTTPS port is 443', withTls('0.0.0.0 443', '0.0.0.0 8443'), {}, 'https://chat.example'],
    ['is unknown if the system has chosen the port', withTls('0.0.0.0 0'), {}, undefined],
    ['is the requested host over TLS', { https }, overTls('chat.example:8443'), 'https://chat.example:8443'],
    ['is unknown for a forged Host header', { https }, to('evil.example'), undefined],
    ['is unknown for a forged Host header over TLS', { https }, overTls('evil.example:8443'), undefined],
    ['is unknown if the address has no HTTPS listener', withTls('192.0.2.7 8443'), to('192.0.2.1:8080'), undefined],
    ['has the port of that address', withTls('192.0.2.7 81', '127.0.0.1 82'), to('localhost'), 'https://localhost:82'],
    ['is the host that a trusted proxy sends with https', {}, forwarded('https'), 'https://chat.example'],
    ['is unknown behind a trusted proxy without TLS', {}, forwarded('http'), undefined],
    ['is unknown if the Host header is invalid', { https }, to('evil/path?'), undefined],
    ['is unknown if the Host header has a user', { https }, to('chat.example@evil.example/'), undefined],
    [
      'is the local address without a Host header',
      withTls('192.0.2.1 8443'),
      { headers: {} },
      'https://192.0.2.1:8443',
    ],
  ])('%s', (_what, settings, sent, url) => {
    expect(secureBase({ ...config, ...settings }, asked(sent))).toBe(url)
  })
})

const externalUrl = 'https://web.example'

test.each([
  ['came through an unknown proxy', { headers: { 'x-forwarded-proto': 'https' } }],
  ['came through a proxy that sends no scheme', { from: '10.0.0.1', headers: { via: '1.1 proxy' } }],
])('a request without TLS is not redirected to TLS if it %s', (_what, sent) => {
  expect(redirectBase({ ...config, externalUrl }, asked(sent))).toBeUndefined()
})

test('the path before the service’s paths is the path of EXTERNAL_URL', () => {
  expect([undefined, 'https://a.example', 'https://a.example/b/c'].map(homePath)).toEqual(['', '', '/b/c'])
})
