import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { problems } from '../src/errors.js'

test('the README lists every error, with its status and sentence, and no other', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const section = readme.split('## Errors')[1]!.split('\n## ')[0]!
  const listed = [...section.matchAll(/^\| `([a-z-]+)` \| (\d+) \| (.+) \|$/gm)].map(
    ([, code, status, sentence]) => ({
      code,
      status: Number(status),
      sentence,
    }),
  )
  expect(listed).toEqual(Object.entries(problems).map(([code, row]) => ({ code, ...row })))
})
