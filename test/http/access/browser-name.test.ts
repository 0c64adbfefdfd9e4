import { expect, test } from '@jest/globals'
import { browserName } from '../../../src/http/access/browser-name.js'

const mozilla = 'Mozilla/5.0'
const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)'

test.each([
  [`${mozilla} (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0`, 'Firefox 140, Windows'],
  [`${mozilla} (X11; Linux x86_64) ${webkit} Chrome/138.0.0.0 Safari/537.36`, 'Chrome 138, Linux'],
  [`${mozilla} (Linux; Android 10; K) ${webkit} Chrome/138.0.0.0 Mobile Safari/537.36`, 'Chrome 138, Android'],
  [`${mozilla} (Windows NT 10.0) ${webkit} Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0`, 'Edge 138, Windows'],
  [`${mozilla} (iPhone; CPU iPhone OS 18_5 like Mac OS X) ${webkit} Version/18.5 Safari/604.1`, 'Safari 18, iOS'],
  [`${mozilla} (Macintosh; Intel Mac OS X 10_15_7) ${webkit} Version/18.5 Safari/605.1.15`, 'Safari 18, macOS'],
  ['curl/8.14.1', 'another client'],
  ['Firefox/99999999', 'Firefox'],
  [`Firefox/${'9'.repeat(16_000)}`, 'Firefox'],
  ['', 'another client'],
  [undefined, undefined],
])('the User-Agent %.60s is shown as %s', (agent, name) => {
  expect(browserName(agent)).toBe(name)
})
