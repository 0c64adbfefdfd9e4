import { expect, test } from '@jest/globals'
import { load, problems } from '../support/settings.js'

const read = (environment: Record<string, string>) => load(environment).config.proxies
const basic = (account: string) => `Basic ${Buffer.from(account).toString('base64')}`

test.each([
  ['http://proxy.example.org:3128', { host: 'proxy.example.org', port: 3128, authorization: undefined }],
  ['proxy.example.org:3128', { host: 'proxy.example.org', port: 3128, authorization: undefined }],
  ['HTTP://Proxy', { host: 'proxy', port: 80, authorization: undefined }],
  ['http://[::1]:8080', { host: '::1', port: 8080, authorization: undefined }],
  ['http://us%40er:p%3A%2Fw@proxy:1', { host: 'proxy', port: 1, authorization: basic('us@er:p:/w') }],
  ['user:@proxy:1', { host: 'proxy', port: 1, authorization: basic('user:') }],
])('HTTPS_PROXY can be %s', (text, proxy) => {
  expect(read({ HTTPS_PROXY: text }).https).toEqual(proxy)
})

test.each([
  ['socks5://user:s3same@proxy:1080', 'must be the URL of an HTTP proxy, such as http://proxy.example.org:3128'],
  ['https://user:s3same@proxy:443', 'must be the URL of an HTTP proxy'],
  ['http://user:s3same/x@proxy:3128', 'write / in it as %2F'],
  ['http://proxy:3128/s3same', 'has text after its host and port'],
  ['http://user:s3same%zz@proxy:3128', 'has a % that begins no escape'],
])('HTTPS_PROXY cannot be %s, and the error has no secret', (text, problem) => {
  const found = problems({ HTTPS_PROXY: text })
  expect(found).toEqual([expect.stringMatching(/^HTTPS_PROXY (must be|has) /)])
  expect(found.join()).toContain(problem)
  expect(found.join()).not.toContain('s3same')
})

test('the variables in lower case override those in upper case, unless they are empty', () => {
  const upper = { HTTPS_PROXY: 'http://upper:1', HTTP_PROXY: 'http://upper:2', NO_PROXY: 'upper.example' }
  const environment = { ...upper, https_proxy: 'http://lower:1', http_proxy: '', no_proxy: 'lower.example' }
  const { https, http, excluded } = read(environment)
  expect([https?.host, http?.host, excluded]).toMatchObject(['lower', 'upper', [{ hosts: 'lower.example' }]])
  expect(load(environment)).toMatchObject({ unknown: [], warnings: [] })
})

test('entries of NO_PROXY that cannot be read are ignored', () => {
  const excluded = (NO_PROXY: string) => read({ HTTPS_PROXY: 'http://proxy:1', NO_PROXY }).excluded
  const readable = 'localhost, .example.org,*.example.net 10.0.0.0/8,[::1]:80,::1,fe80::/10,a:443,*,bücher.example,'
  expect(excluded(readable)).toHaveLength(10)
  expect(excluded('10.0.0.0/99,http://a.example,10.0.*,a:99999')).toEqual([])
})
