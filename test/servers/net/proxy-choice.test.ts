import { describe, expect, test } from '@jest/globals'
import { exclusions, proxyUrl } from '../../../src/config/kinds/proxies.js'
import { proxyFor } from '../../../src/servers/net/http-agents.js'

const unread = (problem: string) => {
  throw new Error(problem)
}

const proxies = (excluded: string) => ({
  https: proxyUrl('http://secure:1', unread),
  http: proxyUrl('http://plain:2', unread),
  excluded: exclusions(excluded, unread)!,
})

const hostFor = (url: string, excluded = '') => proxyFor(new URL(url), proxies(excluded))?.host

describe('the proxy of a request', () => {
  test('depends on the scheme of the URL', () => {
    expect(hostFor('https://example.org/')).toBe('secure')
    expect(hostFor('http://example.org/')).toBe('plain')
  })

  test('is missing if the setting is missing', () => {
    const none = { https: undefined, http: undefined, excluded: [] }
    expect(proxyFor(new URL('https://example.org/'), none)).toBeUndefined()
  })

  test.each([
    'http://localhost:3000/',
    'https://LOCALHOST/',
    'https://localhost./',
    'https://portal.localhost/',
    'http://127.0.0.1/',
    'http://127.8.9.10/',
    'http://0x7f000001/',
    'http://[::1]:3000/',
    'http://[::ffff:127.0.0.1]/',
  ])('is never used for this machine: %s', url => {
    expect(hostFor(url)).toBeUndefined()
  })

  test.each([
    ['*', 'https://example.org/'],
    ['example.org', 'https://example.org/'],
    ['example.org', 'https://a.b.example.org/'],
    ['.example.org', 'https://example.org/'],
    ['.example.org', 'https://a.example.org/'],
    ['*.example.org', 'https://a.example.org/'],
    ['example.org.', 'https://example.org/'],
    ['example.org', 'https://example.org./'],
    ['EXAMPLE.org', 'https://Example.ORG/'],
    ['bücher.example', 'https://xn--bcher-kva.example/'],
    ['a.test,example.org', 'https://example.org/'],
    ['a.test , example.org', 'https://example.org/'],
    ['a.test example.org', 'https://example.org/'],
    ['example.org:443', 'https://example.org/'],
    ['example.org:80', 'http://example.org/'],
    ['example.org:8443', 'https://a.example.org:8443/'],
    ['10.0.0.1', 'http://10.0.0.1:5280/'],
    ['10.0.0.1:5280', 'http://10.0.0.1:5280/'],
    ['10.0.0.0/8', 'https://10.9.8.7/'],
    ['2001:db8::1', 'https://[2001:db8:0::1]/'],
    ['[2001:db8::1]', 'https://[2001:db8::1]/'],
    ['[2001:db8::1]:8443', 'https://[2001:db8::1]:8443/'],
    ['2001:db8::/32', 'https://[2001:db8:9::9]/'],
  ])('is not used with NO_PROXY=%s for %s', (excluded, url) => {
    expect(hostFor(url, excluded)).toBeUndefined()
  })

  test.each([
    ['', 'https://example.org/'],
    ['example.org', 'https://badexample.org/'],
    ['example.org', 'https://example.org.evil.test/'],
    ['a.example.org', 'https://example.org/'],
    ['example.org:443', 'https://example.org:8443/'],
    ['example.org:443', 'http://example.org/'],
    ['10.0.0.1', 'https://10.0.0.11/'],
    ['10.0.0.1:80', 'https://10.0.0.1/'],
    ['0.0.1', 'https://10.0.0.1/'],
    ['10.0.0.0/8', 'https://11.0.0.1/'],
    ['10.0.0.0/99', 'https://10.0.0.1/'],
    ['any, private, loopback, none', 'https://10.0.0.1/'],
    ['[, ], :, ::80:x, example.org:x, example.org:123456', 'https://example.org/'],
  ])('is used with NO_PROXY=%s for %s', (excluded, url) => {
    expect(hostFor(url, excluded)).toBe(url.startsWith('https') ? 'secure' : 'plain')
  })
})
