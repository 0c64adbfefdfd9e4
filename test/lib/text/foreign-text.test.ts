import { expect, test } from '@jest/globals'
import { foreignList, foreignText } from '../../../src/lib/text/foreign-text.js'

test.each([
  ['chat.example.org', 'chat.example.org'],
  ['a\r\n{"level":30}', 'a??{"level":30}'],
  ['a\u001b[2Jb\0', 'a?[2Jb?'],
  ['a\u202eb\u2028c\u200bd e', 'a?b?c?d?e'],
  ['\ud800a', '?a'],
  ['x'.repeat(80), 'x'.repeat(80)],
  ['x'.repeat(1_000_000), `${'x'.repeat(80)}…`],
])('%j is shown as %j', (text, shown) => {
  expect(foreignText(text)).toBe(shown)
})

test('of many texts, the first are shown', () => {
  expect(foreignList(['a', 'b\n'])).toBe('a, b?')
  expect(foreignList(Array(5000).fill('x'))).toBe(`${Array(10).fill('x').join(', ')} and 4990 more`)
})
