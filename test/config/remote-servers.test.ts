import { describe, expect, test } from '@jest/globals'
import { isElsewhere, remoteOf } from '../../src/config/serving.js'
import { makeCertificate } from '../support/certificates.js'
import { load, problems } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { file: write } = testFolder()

const usual = { allowsPlain: false, ca: undefined, verify: true }

describe('a remote BOSH endpoint', () => {
  const remotes = (text: string) => [...load({ XMPP_SERVERS: text }).config.remotes]

  test('may serve one domain, beside domains with XMPP servers', () => {
    const XMPP_SERVERS = 'Example.org=https://XMPP.example.org/http-bind,example.net=xmpp://localhost'
    const { config } = load({ XMPP_SERVERS })
    expect([...config.remotes]).toEqual([['example.org', { ...usual, url: 'https://xmpp.example.org/http-bind' }]])
    expect([...config.servers.keys()]).toEqual(['example.net'])
  })

  test.each([
    ['http://localhost:5280/http-bind', 'http://localhost:5280/http-bind'],
    ['http://[::1]/bosh', 'http://[::1]/bosh'],
    ['http://10.0.0.5/http-bind?insecure', 'http://10.0.0.5/http-bind'],
  ])('may be without TLS: %s', (text, url) => {
    expect(remotes(`example.org=${text}`)).toEqual([['example.org', { ...usual, url }]])
  })

  test('may get passwords over plain HTTP, have its own CA, or be unverified', () => {
    expect(remotes('example.org=http://localhost/?plain=on')).toEqual([
      ['example.org', { ...usual, url: 'http://localhost/', allowsPlain: true }],
    ])
    const { cert } = makeCertificate(['DNS:example.org'])
    const file = write('ca.pem', cert)
    expect(remotes(`example.org=https://localhost/?ca=${file}`)).toEqual([
      ['example.org', { ...usual, url: 'https://localhost/', ca: cert.trim() }],
    ])
    const { config, warnings } = load({ XMPP_SERVERS: 'example.org=https://localhost/?verify=off' })
    expect(config.remotes.get('example.org')?.verify).toBe(false)
    expect(warnings).toEqual([expect.stringContaining('XMPP_SERVERS has verify=off for example.org: an attacker')])
  })

  test('may be found in the domain’s host-meta', () => {
    expect(remotes('example.org=host-meta,example.net=Host-Meta?verify=off')).toEqual([
      ['example.org', { ...usual, url: undefined }],
      ['example.net', { ...usual, url: undefined, verify: false }],
    ])
  })

  const address = 'for example.org must have an address like https://xmpp.example.org/http-bind'
  const reads = 'for example.org has http:// for another machine'

  test.each([
    ['example.org=https://', address],
    ['example.org=https://a/#b', address],
    ['example.org=https://user:password@a/', address],
    ['example.org=http://10.0.0.5/http-bind', reads],
    ['example.org=http://127.0.0.1.example/', reads],
    ['example.org=https://a,example.org=xmpp://b', 'lists example.org twice'],
    ['example.org=https://a/?tls=none', 'for example.org has an unknown option "tls"'],
    ['example.org=http://localhost/?insecure=maybe', 'for example.org must have insecure=on or insecure=off'],
    ['example.org=https://a/?insecure', 'for example.org has insecure without http://'],
    ['example.org=https://a/?plain=on', 'for example.org has plain=on without http://'],
    ['example.org=http://localhost/?verify=off', 'for example.org has ca or verify beside http://'],
  ])('cannot be written as %s', (text, problem) => {
    expect(problems({ XMPP_SERVERS: text })).toEqual([expect.stringContaining(`XMPP_SERVERS ${problem}`)])
  })
})

describe('the endpoint that serves the domain', () => {
  const { config } = load({
    XMPP_SERVERS: 'example.org=xmpp://localhost,example.net=https://net.example/,*=https://all.example/',
    REMOTE_ATTACH: 'there',
  })

  test.each([
    ['example.org', undefined],
    ['example.net', 'https://net.example/'],
    ['example.com', 'https://all.example/'],
  ])('%s is %s', (domain, url) => {
    expect(remoteOf(config, domain)?.url).toBe(url)
    expect(isElsewhere(config, domain)).toBe(url !== undefined)
    // For browsers, unless pages attach to this service.
    const here = { ...config, remote: { ...config.remote, attach: 'here' as const } }
    expect(isElsewhere(here, domain)).toBe(false)
  })

  test('is none if * is an XMPP server, except for domains with their own endpoint', () => {
    const { config: other } = load({ XMPP_SERVERS: '*=xmpp://localhost,example.net=https://net.example/' })
    expect(remoteOf(other, 'example.com')).toBeUndefined()
    expect(remoteOf(other, 'example.net')?.url).toBe('https://net.example/')
  })
})

test('headers for remote endpoints are a list of NAME=value', () => {
  const { config } = load({ REMOTE_HEADERS: 'X-Token=a=b, X-List=1%2C2 , x-percent=100%25,X-Empty=' })
  expect(config.remote.headers).toEqual([
    ['X-Token', 'a=b'],
    ['X-List', '1,2'],
    ['x-percent', '100%'],
    ['X-Empty', ''],
  ])
})

test.each([
  ['X-Token', 'entry 1 must be like X-Name=value'],
  ['X Token=secret', 'entry 1 must be like X-Name=value'],
  ['Content-Length=5', 'has Content-Length, which the service writes itself'],
  ['X-Token=sec\u0001ret', 'has a character in X-Token that no header may have'],
])('headers for remote endpoints cannot be written as %s, and the error does not quote the value', (text, problem) => {
  expect(problems({ REMOTE_HEADERS: text })).toEqual([`REMOTE_HEADERS ${problem}`])
})
