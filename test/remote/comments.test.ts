import { expect, test } from '@jest/globals'
import { withoutComments } from '../../src/remote/endpoint-discovery.js'
import { cpuTime } from '../support/cpu-time.js'

test.each([
  ['<a/>', '<a/>'],
  ['', ''],
  ['<!-- a --><b/><!----><c/>', '<b/><c/>'],
  ['<a><!-- <b/> -- > --></a>', '<a></a>'],
  ['<a/><!-- no end', '<a/><!-- no end'],
  // `<!-->` is only a beginning.
  ['<!--->a-->b', 'b'],
])('%j without comments is %j', (text, rest) => {
  expect(withoutComments(text)).toBe(rest)
})

test.each(['<!--', '<!---->', '<!-', '<!-- ', '-->'])('half a megabyte of %j takes milliseconds', piece => {
  const text = piece.repeat(Math.floor((512 * 1024) / piece.length))
  const before = cpuTime()
  withoutComments(text)
  // With a search for each beginning, this took 13 seconds.
  expect(cpuTime() - before).toBeLessThan(500)
})
