import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { problems } from '../../src/lib/errors.js'

test('docs/errors.md lists every error, with its status and sentence, and no other', () => {
  const document = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const section = document.split('## Codes')[1]!.split('\n## ')[0]!
  const listed = [...section.matchAll(/^\| `([a-z-]+)` \| (\d+) \| (.+) \|$/gm)].map(([, code, status, sentence]) => ({
    code,
    status: Number(status),
    sentence,
  }))
  expect(listed).toEqual(Object.entries(problems).map(([code, row]) => ({ code, ...row })))
})
