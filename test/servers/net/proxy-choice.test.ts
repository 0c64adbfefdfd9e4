import { expect, test } from '@jest/globals'
import { exclusions, proxyUrl } from '../../../src/config/kinds/proxies.js'
import { proxyFor } from '../../../src/servers/net/http-agents.js'
import { noProxies } from '../../support/link-parts.js'

const unread = (problem: string) => {
  throw new Error(problem)
}

const proxies = (excluded: string) => ({
  https: proxyUrl('http://secure:1', unread),
  http: proxyUrl('http://plain:2', unread),
  excluded: exclusions(excluded, unread)!,
})

const hostFor = (url: string, excluded = '') => proxyFor(new URL(url), proxies(excluded))?.host

test('the proxy of a request depends on the scheme of its URL, and is missing if the setting is missing', () => {
  expect(hostFor('https://example.org/')).toBe('secure')
  expect(hostFor('http://example.org/')).toBe('plain')
  expect(proxyFor(new URL('https://example.org/'), noProxies)).toBeUndefined()
})

test.each([
  'http://localhost:3000/ https://LOCALHOST/ https://localhost./ https://portal.localhost/',
  'http://127.0.0.1/ http://127.8.9.10/ http://0x7f000001/ http://[::1]:3000/ http://[::ffff:127.0.0.1]/',
])('no proxy is used for this machine: %s', urls => {
  for (const url of urls.split(' ')) expect([url, hostFor(url)]).toEqual([url, undefined])
})

test.each([
  ['https://example.org/', '*; example.org; .example.org; example.org.; EXAMPLE.org; example.org:443'],
  ['https://example.org/', 'a.test,example.org; a.test , example.org; a.test example.org'],
  ['https://a.b.example.org/', 'example.org; .example.org; *.example.org'],
  ['https://Example.ORG./', 'example.org; EXAMPLE.org'],
  ['https://xn--bcher-kva.example/', 'bücher.example'],
  ['http://example.org/', 'example.org:80'],
  ['https://a.example.org:8443/', 'example.org:8443'],
  ['http://10.0.0.1:5280/', '10.0.0.1; 10.0.0.1:5280; 10.0.0.0/8'],
  ['https://[2001:db8:0::1]/', '2001:db8::1; [2001:db8::1]; 2001:db8::/32'],
  ['https://[2001:db8::1]:8443/', '[2001:db8::1]:8443'],
])('no proxy is used for %s with one of these in NO_PROXY: %s', (url, settings) => {
  for (const excluded of settings.split('; ')) expect([excluded, hostFor(url, excluded)]).toEqual([excluded, undefined])
})

test.each([
  ['', 'https://example.org/'],
  ['example.org', 'https://badexample.org/ https://example.org.evil.test/'],
  ['a.example.org', 'https://example.org/'],
  ['example.org:443', 'https://example.org:8443/ http://example.org/'],
  ['10.0.0.1', 'https://10.0.0.11/'],
  ['10.0.0.1:80', 'https://10.0.0.1/'],
  ['0.0.1', 'https://10.0.0.1/'],
  ['10.0.0.0/8', 'https://11.0.0.1/'],
  ['10.0.0.0/99', 'https://10.0.0.1/'],
  ['any, private, loopback, none', 'https://10.0.0.1/'],
  ['[, ], :, ::80:x, example.org:x, example.org:123456', 'https://example.org/'],
])('with NO_PROXY=%s the proxy is used for %s', (excluded, urls) => {
  for (const url of urls.split(' ')) expect(hostFor(url, excluded)).toBe(url.startsWith('https') ? 'secure' : 'plain')
})
