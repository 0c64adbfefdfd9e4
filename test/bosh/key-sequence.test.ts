import { expect, test } from '@jest/globals'
import { KeySequence } from '../../src/bosh/key-sequence.js'

// Made from `example-seed` and `second-seed`: K(n) is the SHA-1 of K(n-1).
const [k1, k2, k3, k4] = [
  '7d47ef6096ae3e2252e76781a69b6ba2d2a3b739',
  'e3f0a532e4c42ea0ddd0fbc493cab3484f0941ac',
  '1b890e8b5b84a77486c76a264c0a64700a47f603',
  'ad6d618c3ceeeb459e05d69b3604cd2b9bc5413d',
] as const
const [j2, j3] = [
  'cb498ed4c0593de904a3548e41428f5ce6533bd4',
  '6151f5610e7969c68b8fa8b6d00b626726152af9',
] as const

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
