import { afterEach, expect, test } from '@jest/globals'
import { browserModule } from '../../support/browser-modules.js'

const { keep, kept, ownName } = browserModule('converse-memory')

/** As browsers do: a longer value than `room` is refused, and the value before it stays. */
function storageWith(room: number): Record<string, string> {
  const storage = new Proxy<Record<string, string>>(
    { [ownName]: '{"tab":"earlier"}' },
    {
      set(values, name: string, value: string) {
        if (value.length > room) throw new DOMException('exceeded the quota', 'QuotaExceededError')
        values[name] = value
        return true
      },
    },
  )
  Object.assign(globalThis, { sessionStorage: storage })
  return storage
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'sessionStorage')
})

test('values of the memory have the same length', () => {
  const storage = storageWith(5000)
  keep({ jid: '' })
  const { length } = storage[ownName]!
  keep({ jid: 'a@b/c', tab: '1' })
  expect(storage[ownName]).toHaveLength(length)
  expect(kept()).toEqual({ jid: 'a@b/c', tab: '1', outgoing: [] })
})

test('a value that another program has damaged counts as none, as in a browser that forbids storage', () => {
  const storage = storageWith(5000)
  expect(kept()).toEqual({ tab: 'earlier' })
  storage[ownName] = '{"tab":'
  expect(kept()).toEqual({})
  // A browser may forbid storage.
  Reflect.deleteProperty(globalThis, 'sessionStorage')
  expect(kept()).toEqual({})
  expect(() => keep({ jid: '' })).not.toThrow()
})

test('a full storage keeps what was sent rather than what Converse had not stored, and of that the newest', () => {
  storageWith(5000)
  const untaken = ['1', '2', '3', '4'].map(number => number.padEnd(1000))
  const outgoing = [{ id: '1', xml: '1'.padEnd(1500) }]
  keep({ tab: '1', untaken }, outgoing)
  expect(kept()).toEqual({ tab: '1', untaken: untaken.slice(2), outgoing })
  storageWith(4000)
  keep({ tab: '1', untaken: untaken.map(text => text.padEnd(5000)) }, outgoing)
  expect(kept()).toEqual({ tab: '1', untaken: [], outgoing })
})

test('a full storage keeps the first messages that wait, or no name of a tab, which a copy of the tab would use', () => {
  storageWith(5000)
  const outgoing = ['1', '2', '3'].map(id => ({ id, xml: id.padEnd(2000) }))
  keep({ tab: '1' }, outgoing)
  expect(kept()).toEqual({ tab: '1', outgoing: outgoing.slice(0, 2) })
  const storage = storageWith(100)
  keep({ jid: '' })
  expect(storage[ownName]).toBeUndefined()
})
