import { afterEach, expect, test } from '@jest/globals'
import { holdSignals } from '../../src/command/held-signals.js'

const names = ['SIGHUP', 'SIGUSR2'] as const
const before = new Map(names.map(name => [name, process.listeners(name)]))

afterEach(() => {
  for (const name of names)
    for (const listener of process.listeners(name))
      if (!before.get(name)!.includes(listener)) process.off(name, listener)
})

test('a signal during the start is handled after it, once', () => {
  const obeyed: string[] = []
  const obey = holdSignals(...names)
  process.emit('SIGHUP')
  process.emit('SIGHUP')
  expect(obeyed).toEqual([])
  obey({ SIGHUP: () => obeyed.push('reload'), SIGUSR2: () => obeyed.push('replace') })
  expect(obeyed).toEqual(['reload'])
  process.emit('SIGUSR2')
  process.emit('SIGHUP')
  expect(obeyed).toEqual(['reload', 'replace', 'reload'])
})
