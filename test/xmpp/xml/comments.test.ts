import { expect, test } from '@jest/globals'
import { withoutComments } from '../../../src/xmpp/xml/comments.js'

test.each([
  ['<a/>', '<a/>'],
  ['', ''],
  ['<!-- a --><b/><!----><c/>', '<b/><c/>'],
  ['<a><!-- <b/> -- > --></a>', '<a></a>'],
  ['<a/><!-- no end', '<a/><!-- no end'],
  // The second dash of its beginning is no part of its end.
  ['<!--->a-->b', 'b'],
])('%j without comments is %j', (text, rest) => {
  expect(withoutComments(text)).toBe(rest)
})

test.each(['<!--', '<!---->', '<!-', '<!-- ', '-->'])('half a megabyte of %j takes milliseconds', piece => {
  const text = piece.repeat(Math.floor((512 * 1024) / piece.length))
  const before = performance.now()
  withoutComments(text)
  // Where each beginning looked for an end of its own it took thirteen seconds.
  expect(performance.now() - before).toBeLessThan(500)
})
