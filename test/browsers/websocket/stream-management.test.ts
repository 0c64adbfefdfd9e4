import { describe, expect, test } from '@jest/globals'
import { type PageResumption, StreamManagement } from '../../../src/browsers/websocket/stream-management.js'
import { readCount } from '../../../src/xmpp/stanza-counts.js'
import { type Element, isStanza } from '../../../src/xmpp/xml/element.js'
import { element } from '../../support/element.js'

const message = element("<message xmlns='jabber:client'/>")
const messages = (count: number) => Array<Element>(count).fill(message)
const last = 2 ** 32 - 1

/** `sent` stanzas follow the acknowledged stanzas. */
function counting(sent: number, acknowledged = 0): StreamManagement {
  const before: PageResumption = { id: 'i', received: 0, acknowledged, unacknowledged: 0, uncounted: 0 }
  const management = StreamManagement.resume(before, acknowledged, [])!
  management.unacknowledged.sent(messages(sent))
  return management
}

test.each([
  ['message', 'jabber:client', true],
  ['presence', 'jabber:client', true],
  ['iq', 'jabber:client', true],
  ['note', 'jabber:client', false],
  ['message', 'jabber:server', false],
  ['features', 'http://etherx.jabber.org/streams', false],
])('the element %s of %s counts as a stanza: %s', (name, namespace, counts) => {
  const each = element(`<${name} xmlns='${namespace}'/>`)
  expect(isStanza(each)).toBe(counts)
  const management = new StreamManagement()
  management.unacknowledged.sent([each])
  expect(management.resumption(0).unacknowledged).toBe(counts ? 1 : 0)
})

test('repeats of a page cost time in proportion to their number', () => {
  const stanzas = messages(200_000)
  const before = { id: 'i', received: stanzas.length, answered: 0, acknowledged: 0, unacknowledged: 0, uncounted: 0 }
  const management = StreamManagement.resume(before, 0, stanzas)!
  const start = performance.now()
  expect(stanzas.filter(stanza => management.took(stanza))).toHaveLength(stanzas.length)
  expect(management.took(stanzas[0]!)).toBe(false)
  expect(performance.now() - start).toBeLessThan(5_000)
})

describe('the client’s acknowledged count', () => {
  test.each<[string, number, number, number, number | undefined]>([
    // sent, acknowledged before, count, newly acknowledged
    ['zero', 3, 0, 0, 0],
    ['the same as before', 3, 7, 7, 0],
    ['more than were sent', 3, 0, 4, undefined],
    ['far more than were sent', 3, 0, 2 ** 31 - 1, undefined],
    ['less than before', 3, 7, 6, -1],
    ['zero again, before the count wraps', 3, 7, 0, -7],
    ['the highest count', 1, last - 1, last, 1],
    ['wrapped to zero', 2, last - 1, 0, 2],
    ['wrapped further', 5, last, 4, 5],
    ['wrapped to more than were sent', 5, last, 5, undefined],
    ['the highest count, after the count has wrapped', 3, 1, last, -2],
  ])('is accepted or rejected if it is %s', (_what, sent, acknowledged, count, more) => {
    const management = counting(sent, acknowledged)
    expect(management.acknowledge(count)).toBe(more)
    expect(management.resumption(0).unacknowledged).toBe(sent - Math.max(0, more ?? 0))
  })

  test.each([
    ['0', 0],
    ['4294967295', last],
    ['0000000001', 1],
    ['4294967296', undefined],
    ['00000000001', undefined],
    ['-1', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('is parsed or rejected as the text %j', (text, count) => {
    expect(readCount(text)).toBe(count)
  })
})

test('the count of received stanzas wraps at 2^32', () => {
  const before = { id: 'i', received: last, acknowledged: 0, unacknowledged: 0, uncounted: 0 }
  const management = StreamManagement.resume(before, 0, [])!
  expect(management.resumed).toBe(`<resumed xmlns='urn:xmpp:sm:3' previd='i' h='${last}'/>`)
  management.took(message)
  expect(management.answer(0, Number.POSITIVE_INFINITY)).toBe("<a xmlns='urn:xmpp:sm:3' h='0'/>")
})

const long = element(`<message xmlns='jabber:client'>${'x'.repeat(600_000)}</message>`)
test.each([
  ['a thousand', messages(999), messages(1)],
  ['a megabyte', [long], [long]],
])('unacknowledged stanzas are limited to %s', (_limit, first, last) => {
  const management = new StreamManagement()
  management.unacknowledged.sent(first)
  expect(management.unacknowledged.isFull).toBe(false)
  management.unacknowledged.sent(last)
  expect(management.unacknowledged.isFull).toBe(true)
  management.acknowledge(1)
  expect(management.unacknowledged.isFull).toBe(false)
})

describe('a client that resumes while the server is silent', () => {
  const numbered = (number: number) =>
    element(`<message xmlns='jabber:client' id='${number}'><body>${number}</body></message>`)
  const before = { id: 'i', received: 5, answered: 2, acknowledged: 0, unacknowledged: 0, uncounted: 0 }
  const kept = [3, 4, 5].map(number => numbered(number))

  test.each([
    ['repeats what the server has not confirmed', 2, [3, 4, 5, 6], [true, true, true, false]],
    ['repeats only what was not answered before', 4, [5, 6], [true, false]],
    ['may send other stanzas instead, of which none is dropped', 2, [3, 7, 4, 5], [true, false, false, false]],
  ])('%s', (_what, answered, sent, taken) => {
    const management = StreamManagement.resume({ ...before, answered }, 0, kept)!
    expect(management.resumed).toContain(` h='${answered}'`)
    expect(sent.map(number => management.took(numbered(number)))).toEqual(taken)
  })

  test('is recognized by ids, if it writes stanzas differently', () => {
    const management = StreamManagement.resume(before, 0, kept)!
    const written = element(`<message id="3" xmlns="jabber:client"><body>3</body></message>`)
    expect(management.took(written)).toBe(true)
  })

  test('may resume again before it has repeated all, and nothing is sent twice', () => {
    const sent = ['a', 'b', 'c'].map(id => element(`<message id='${id}'/>`))
    const before = { id: 'i', received: 3, answered: 0, acknowledged: 0, unacknowledged: 0, uncounted: 0 }
    const first = StreamManagement.resume(before, 0, sent)!
    expect(first.took(sent[0]!)).toBe(true)
    // The server confirms the first stanza meanwhile.
    const second = StreamManagement.resume(first.resumption(0), 0, sent.slice(1))!
    expect(second.resumed).toContain(" h='1'")
    expect(sent.slice(1).map(stanza => second.took(stanza))).toEqual([true, true])
    expect(second.took(sent[0]!)).toBe(false)
    expect(second.received).toBe(4)
  })
})

test.each<[number, number, number, number | undefined]>([
  [10, 3, 12, 2],
  [10, 3, 14, undefined],
  [10, 3, 9, undefined],
  [last, 3, 1, 2],
  [0, 0, 1, undefined],
])(
  'a resumed stream has count %i, with %i more sent, for a client that has %i',
  (acknowledged, sent, count, arrived) => {
    const before: PageResumption = { id: 'i', received: 5, acknowledged, unacknowledged: sent, uncounted: 0 }
    const management = StreamManagement.resume(before, count, [])
    expect(management?.arrived).toBe(arrived)
    if (arrived !== undefined)
      expect(management!.resumption(0)).toEqual({ ...before, answered: 5, acknowledged: count, unacknowledged: 0 })
  },
)

test('each stream has its own id, and can be resumed', () => {
  const [one, other] = [new StreamManagement(), new StreamManagement()]
  expect(one.id).not.toBe(other.id)
  expect(one.enabled(120)).toBe(`<enabled xmlns='urn:xmpp:sm:3' id='${one.id}' resume='true' max='120'/>`)
})
