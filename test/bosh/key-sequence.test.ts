import { expect, test } from '@jest/globals'
import { KeySequence } from '../../src/bosh/key-sequence.js'
import { j2, j3, k1, k2, k3, k4 } from './keys.js'

test('keys are taken in their order, and another sequence from where it begins', () => {
  const keys = new KeySequence(k4)
  expect(keys.accept(k3, undefined)).toBe(true)
  expect(keys.accept(k2, undefined)).toBe(true)
  expect(keys.accept(k1, j3)).toBe(true)
  expect(keys.accept(j2, undefined)).toBe(true)
})

test.each([
  ['none', undefined],
  ['an earlier one', k4],
  ['one too far ahead', k2],
  ['nonsense', 'x'],
])('%s is refused', (_what, key) => {
  expect(new KeySequence(k4).accept(key, undefined)).toBe(false)
})

test('the first key may be announced in capitals', () => {
  expect(new KeySequence(k4.toUpperCase()).accept(k3, undefined)).toBe(true)
})
