import { beforeEach, expect, test } from '@jest/globals'
import { askAll } from '../../src/store/other-processes.js'
import { FakeProcesses } from '../support/fake-processes.js'

let processes: FakeProcesses

beforeEach(() => {
  processes = new FakeProcesses()
  for (const name of ['a', 'b', 'c', 'd']) processes.start(name).answer('twice', (number: number) => [name, 2 * number])
})

const asked = () => askAll<[string, number]>(processes.named('a'), 'twice', 21)

test('all other processes are asked, if there are any, and their answers have their names', async () => {
  const answers = ['b', 'c', 'd'].map(name => [name, [name, 42]])
  expect(await asked()).toEqual({ answers, unanswered: undefined })
  expect(await askAll(undefined, 'twice', 21)).toEqual({ answers: [], unanswered: undefined })
})

test('processes that do not answer are named, with those whose entries have expired', async () => {
  processes.named('d')!.isSilent = true
  processes.named('c')!.isLost = true
  expect(await asked()).toEqual({ answers: [['b', ['b', 42]]], unanswered: ['c', 'd'] })
})

test('a process that seems gone may only be unreachable', async () => {
  processes.named('c')!.isDead = true
  expect((await asked()).unanswered).toEqual(['c'])
})

test('errors that should not occur are passed on', async () => {
  const ask = () => Promise.reject(new Error('broken'))
  const broken = { others: processes.named('a')!.others, lost: [], ask }
  await expect(askAll(broken, 'twice', 21)).rejects.toThrow('broken')
})
