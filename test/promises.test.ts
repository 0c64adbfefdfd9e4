import { expect, test } from '@jest/globals'
import { Counts } from '../src/lib/counts.js'
import { generatedFile } from './support/generated-file.js'
import { promisedNames } from './support/promised-names.js'

const file = 'test/cases/promises/2.txt'

const open = {
  links: () => 0,
  servers: () => [],
  remotes: () => 0,
  unreadBytes: () => 0,
  waitingBytes: () => 0,
  connections: () => 0,
  events: () => 0,
  certificateExpiries: () => new Map(),
}
const states = { opening: 0, waiting: 0, held: 0, quiet: 0, paused: 0, ended: 0, elsewhere: 0 }

test('no name that version 2 promises is removed, and `npm run promises` has added each new name', async () => {
  const now = await promisedNames({
    counts: new Counts(),
    clock: { now: () => 0 },
    census: () => ({ states, heldRequests: 0, heldSince: undefined }),
    open,
  })
  const promised = generatedFile(file, `${now.join('\n')}\n`)
    .trim()
    .split('\n')
  expect(promised.filter(name => !now.includes(name))).toEqual([])
  expect(now.filter(name => !promised.includes(name))).toEqual([])
})
