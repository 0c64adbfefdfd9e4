import { expect, test } from '@jest/globals'
import { generatedFile } from './support/generated-file.js'
import { promisedNames } from './support/promised-names.js'
import { sourcesOf } from './watching/metric-sources.js'

const file = 'test/cases/promises/2.txt'

test('no name that version 2 promises is removed, and `npm run promises` has added each new name', async () => {
  const now = await promisedNames(sourcesOf())
  const promised = generatedFile(file, `${now.join('\n')}\n`)
    .trim()
    .split('\n')
  expect(promised.filter(name => !now.includes(name))).toEqual([])
  expect(now.filter(name => !promised.includes(name))).toEqual([])
})
