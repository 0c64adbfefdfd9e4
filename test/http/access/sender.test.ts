import { expect, test } from '@jest/globals'
import { senderOf } from '../../../src/http/access/sender.js'

const https = 'https://web.example'
test.each([
  // Origin, Sec-Fetch-Site, Host, EXTERNAL_URL, verdict
  [undefined, undefined, 'web.example', undefined, 'program'],
  [https, undefined, 'web.example', undefined, 'here'],
  ['http://web.example:8080', undefined, 'web.example:8080', undefined, 'here'],
  ['https://WEB.example', undefined, 'web.example:443', undefined, 'here'],
  [undefined, 'same-origin', 'web.example', undefined, 'here'],
  [undefined, 'none', 'web.example', undefined, 'here'],
  ['null', undefined, 'web.example', undefined, 'here'],
  [https, undefined, '10.0.0.1:8080', https, 'here'],
  [https, undefined, '10.0.0.1:8080', `${https}/chat`, 'here'],
  ['https://evil.example', undefined, 'web.example', undefined, 'elsewhere'],
  ['https://evil.example', 'same-origin', 'web.example', undefined, 'elsewhere'],
  ['https://web.example.evil.example', undefined, 'web.example', https, 'elsewhere'],
  ['http://web.example', undefined, '10.0.0.1:8080', https, 'elsewhere'],
  ['https://web.example:8443', undefined, 'web.example', undefined, 'elsewhere'],
  [https, undefined, undefined, undefined, 'elsewhere'],
  [https, 'cross-site', 'web.example', undefined, 'elsewhere'],
  [https, 'same-site', 'web.example', undefined, 'elsewhere'],
  [undefined, 'cross-site', 'web.example', undefined, 'elsewhere'],
  ['null', 'cross-site', 'web.example', undefined, 'elsewhere'],
  ['not a url', undefined, 'web.example', undefined, 'elsewhere'],
  ['', undefined, 'web.example', undefined, 'elsewhere'],
])('Origin %p, Sec-Fetch-Site %p, Host %p, EXTERNAL_URL %p: the sender is %s', (origin, site, host, url, verdict) => {
  expect(senderOf({ origin, 'sec-fetch-site': site, host }, url)).toBe(verdict)
})
