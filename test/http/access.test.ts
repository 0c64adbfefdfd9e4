import { expect, test } from '@jest/globals'
import { readNetworks } from '../../src/config/kinds/networks.js'
import { accessBy } from '../../src/http/access/client-rules.js'

const networks = (text: string) => readNetworks(text, () => undefined)

test.each([
  ['loopback, private', 'none', '127.0.0.1', true],
  ['loopback, private', 'none', '::1', true],
  ['loopback, private', 'none', '192.168.3.4', true],
  ['loopback, private', 'none', '::ffff:10.0.0.1', true],
  ['loopback, private', 'none', '192.0.2.1', false],
  ['loopback, private', 'none', '2001:db8::1', false],
  ['loopback, private', '10.1.0.0/16', '10.1.2.3', false],
  ['loopback, private', '10.1.0.0/16', '10.2.2.3', true],
  ['any', '2001:db8::/32', '2001:db8::1', false],
  ['any', '2001:db8::/32', '2001:db9::1', true],
  ['192.0.2.1', 'any', '192.0.2.1', false],
  ['none', 'none', '127.0.0.1', false],
  ['loopback', 'none', '', false],
])('with %s allowed and %s denied, %j has access: %s', (allow, deny, address, isLetIn) => {
  expect(accessBy({ allow: networks(allow), deny: networks(deny) })?.(address)).toBe(isLetIn)
})

test.each([['any'], ['Any'], ['loopback, any']])('with %s allowed, client addresses are not checked', allow => {
  expect(accessBy({ allow: networks(allow), deny: networks('none') })).toBeUndefined()
})
