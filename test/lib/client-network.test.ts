import { expect, test } from '@jest/globals'
import { isLoopback } from '../../src/lib/client-network.js'

test.each([
  ['127.0.0.1', true],
  ['127.8.8.8', true],
  ['localhost', true],
  ['::1', true],
  ['[::1]', true],
  ['::ffff:127.0.0.1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.evil.example', false],
  ['localhost.evil.example', false],
])('an address of %s is reachable from this machine only: %p', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})
