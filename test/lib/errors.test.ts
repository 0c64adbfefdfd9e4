import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { advice } from '../../src/http/answers/advice.js'
import { type ProblemCode, problems } from '../../src/lib/errors.js'

test('docs/errors.md lists every error, with its status, sentence and whether to retry, and no other', () => {
  const document = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const section = document.split('## Codes')[1]!.split('\n## ')[0]!
  const listed = section.match(/^\| `[a-z-]+` \| \d+.*$/gm)
  const rows = Object.entries(problems).map(
    ([code, { status, retry, sentence }]) => `| \`${code}\` | ${status}${retry ? ' ↻' : ''} | ${sentence} |`,
  )
  expect(listed).toEqual(rows)
})

test.each(Object.entries(advice) as [ProblemCode, string][])(
  'the advice for %s mentions a retry only if a retry can help: %s',
  (code, text) => {
    expect(text).toMatch(/^[A-Z].+\.$/)
    expect(/\btry again\b/i.test(text)).toBe(problems[code].retry)
  },
)
