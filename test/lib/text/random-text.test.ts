import { expect, test } from '@jest/globals'
import { randomText } from '../../../src/lib/text/random-text.js'

test('random text has the requested length, and is never the same', () => {
  const texts = Array.from({ length: 2_000 }, () => randomText(20, 'hex'))
  for (const text of texts) expect(text).toMatch(/^[0-9a-f]{40}$/)
  expect(new Set(texts).size).toBe(texts.length)
  // If texts overlapped, they would have equal parts.
  expect(new Set(texts.flatMap(text => [text.slice(0, 20), text.slice(20)])).size).toBe(2 * texts.length)
})

test('random text has the requested encoding, and uses all its bits', () => {
  expect(randomText(24, 'base64url')).toMatch(/^[\w-]{32}$/)
  expect(randomText(18, 'base64')).toMatch(/^[A-Za-z0-9+/]{24}$/)
  const bits = new Uint8Array(32)
  for (let round = 0; round < 100; round++)
    for (const [place, byte] of Buffer.from(randomText(32, 'base64'), 'base64').entries()) bits[place]! |= byte
  expect([...bits]).toEqual(Array(32).fill(255))
})
