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

test('a full storage keeps the first messages that wait, or no name of a tab, which a copy of the tab would use', () => {
  storageWith(5000)
  const outgoing = ['1', '2', '3'].map(id => ({ id, xml: id.padEnd(2000) }))
  keep({ tab: '1' }, outgoing)
  expect(kept()).toEqual({ tab: '1', outgoing: outgoing.slice(0, 2) })
  const storage = storageWith(100)
  keep({ jid: '' })
  expect(storage[ownName]).toBeUndefined()
})
