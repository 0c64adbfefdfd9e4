import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'

/** As much of an element as the module uses. */
function stanza(localName: string, attributes: Readonly<Record<string, string>>, children: Stanza[] = []) {
  const getElementsByTagName = (name: string): unknown[] => children.filter(child => child.localName === name)
  const getAttribute = (name: string) => attributes[name] ?? null
  return { localName, attributes, children, getAttribute, getElementsByTagName }
}

interface Stanza {
  readonly localName: string
  readonly attributes: Readonly<Record<string, string>>
}

interface Departures {
  readonly all: readonly object[]
  readonly sent: readonly object[]
  add(stanza: Stanza, isQueued?: boolean): void
  addSent(stanza: Stanza): void
  goOn(rid: number, requests: number, received: number | undefined): void
  note(body: Stanza): void
  arrived(): void
  takeBack(error: Stanza): boolean
  unsent(kept?: string): Stanza[]
  clear(): void
}

// Its types are those of browsers.
const { Departures } = jest.requireActual<{
  readonly Departures: new (outgoing: readonly object[], sent: readonly object[]) => Departures
}>('../../../src/packages/browser/departures.js')

const message = (id: string) => stanza('message', { id, to: 'bob@localhost' })
const failed = (id: string, condition = 'remote-server-timeout', from = 'bob@localhost') =>
  stanza('message', { id, type: 'error', from }, [stanza(condition, {})])
const request = (rid: number, ...stanzas: Stanza[]) => stanza('body', { rid: String(rid) }, stanzas)
const idsOf = (stanzas: readonly Stanza[]) => stanzas.map(({ attributes }) => attributes['id'])

beforeEach(() => {
  class XMLSerializer {
    serializeToString({ localName, attributes }: Stanza): string {
      return JSON.stringify({ localName, attributes })
    }
  }
  class DOMParser {
    parseFromString(text: string): object {
      const { localName, attributes } = JSON.parse(text)
      return { documentElement: stanza(localName, attributes) }
    }
  }
  Object.assign(globalThis, { XMLSerializer, DOMParser })
})

afterEach(() => {
  Object.assign(globalThis, { XMLSerializer: undefined, DOMParser: undefined })
})

/** Three messages were sent over BOSH, the last two in requests that may not have arrived. */
function sentThree(): Departures {
  const departures = new Departures([], [])
  departures.goOn(1, 2, undefined)
  for (const [index, id] of ['one', 'two', 'three'].entries()) {
    departures.add(message(id))
    departures.note(request(index + 1, message(id)))
  }
  return departures
}

test('sends returned messages again, in order and before newer ones', () => {
  const departures = sentThree()
  departures.add(message('four'))
  expect([departures.takeBack(failed('one')), departures.takeBack(failed('three'))]).toEqual([true, true])
  expect(idsOf(departures.unsent())).toEqual(['one', 'three', 'four'])
})

test('takes a message back once, also in the next page of its tab', () => {
  const departures = sentThree()
  expect(departures.takeBack(failed('one'))).toBe(true)
  departures.note(request(4, ...departures.unsent()))
  expect(departures.takeBack(failed('one'))).toBe(false)
  const { outgoing, sent } = JSON.parse(JSON.stringify({ outgoing: departures.all, sent: departures.sent }))
  const next = new Departures(outgoing, sent)
  next.goOn(10, 2, 4)
  expect(next.takeBack(failed('one'))).toBe(false)
  expect(next.takeBack(failed('two'))).toBe(true)
  expect(idsOf(next.unsent())).toEqual(['two'])
})

test.each([
  ['another error', failed('one', 'item-not-found')],
  ['an error of another address', failed('one', undefined, 'eve@localhost')],
  ['an error for an unknown message', failed('none')],
  ['a message', message('one')],
])('takes nothing back for %s', (_, error) => {
  const departures = sentThree()
  expect(departures.takeBack(error)).toBe(false)
  expect(departures.unsent()).toEqual([])
})

test('leaves to Strophe the stanzas that Strophe sends again', () => {
  const departures = new Departures([], [])
  departures.addSent(message('one'))
  departures.addSent(message('two'))
  for (const id of ['one', 'two']) expect(departures.takeBack(failed(id))).toBe(true)
  expect(idsOf(departures.unsent('{"unacked":[{"stanza":"<message id=\'one\'/>"}]}'))).toEqual(['two'])
  departures.arrived()
  expect(departures.unsent()).toEqual([])
})

test('sends nothing for another user, and keeps at most 100,000 characters', () => {
  const departures = new Departures([], [])
  for (let number = 0; number < 3; number++) departures.addSent(message(`${number}`.padEnd(40_000, '.')))
  expect(departures.sent.length).toBe(2)
  departures.add(message('unsent'))
  departures.clear()
  expect([departures.all, departures.sent]).toEqual([[], []])
})

test('a message is given to a connection once, and again to the next connection', () => {
  const departures = new Departures([], [])
  departures.goOn(1, 2, undefined)
  departures.add(message('queued'), true)
  departures.add(message('written meanwhile'))
  expect(idsOf(departures.unsent())).toEqual(['written meanwhile'])
  expect(departures.unsent()).toEqual([])
  departures.goOn(100, 2, 1)
  expect(idsOf(departures.unsent())).toEqual(['queued', 'written meanwhile'])
})
