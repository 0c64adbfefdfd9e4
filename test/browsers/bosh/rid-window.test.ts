import { describe, expect, test } from '@jest/globals'
import { RidWindow } from '../../../src/browsers/bosh/rid-window.js'

const about = { key: undefined, digest: '', repeats: 0, mayBeLost: false }
const reply = (rid: number, text: string) => ({ ...about, rid, text, stanzas: 0 })

// The window has two rids.
test.each([
  [710, 711, 0, 'next'],
  [710, 712, 0, 'early'],
  [710, 713, 0, 'outside'],
  [710, 713, 1, 'early'],
  [710, 714, 1, 'outside'],
  [710, 710, 0, 'repeated'],
  [710, 1, 0, 'repeated'],
  [710, Number.MAX_SAFE_INTEGER, 0, 'outside'],
  [Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER, 0, 'next'],
] as const)('after the rid %d, the rid %d with %d extra is %s', (last, rid, extra, place) => {
  expect(new RidWindow(last, 2).place(rid, extra)).toBe(place)
})

describe('a rid that the page has skipped', () => {
  const skipped = () => {
    const window = new RidWindow(710, 2, 'handed-out')
    window.accept(711)
    return window
  }

  test('is accepted late, but only once, also by the next process', () => {
    const window = skipped()
    expect(window.isInGap(710)).toBe(true)
    window.late(710)
    const next = new RidWindow(0, 2)
    next.takeUp(window.record)
    expect([window.isInGap(710), next.isInGap(710)]).toEqual([false, false])
  })

  test('is not accepted when the page has sent many requests since', () => {
    const window = skipped()
    for (let rid = 712; rid <= 720; rid++) window.accept(rid)
    expect(window.isInGap(710)).toBe(true)
    window.accept(721)
    expect(window.isInGap(710)).toBe(false)
    const wide = new RidWindow(710, 20, 'handed-out')
    for (let rid = 711; rid <= 730; rid++) wide.accept(rid)
    expect(wide.isInGap(710)).toBe(true)
  })
})

describe('acknowledged replies', () => {
  const kept = (window: RidWindow) => [1, 2, 3, 4, 5, 6].filter(rid => window.replyTo(rid) !== undefined)

  test('an acknowledgement of a request that was not answered yet is ignored', () => {
    const window = new RidWindow(1, 2, 'created', true)
    window.store(reply(1, 'text'))
    window.acknowledge(2)
    expect(kept(window)).toEqual([1])
  })

  test('are at most ten, whatever the client does', () => {
    const window = new RidWindow(1, 2, 'created', true)
    for (let rid = 1; rid <= 12; rid++) window.store(reply(rid, 'text'))
    expect(window.replyTo(2)).toBeUndefined()
    expect(window.replyTo(3)).toBeDefined()
  })

  test('are at most two million characters, but always include the last reply', () => {
    const window = new RidWindow(1, 2)
    window.store(reply(1, 'x'.repeat(1_500_000)))
    window.store(reply(2, 'x'.repeat(1_500_000)))
    expect(kept(window)).toEqual([2])
    window.store(reply(3, 'x'.repeat(3_000_000)))
    expect(kept(window)).toEqual([3])
  })
})

test('what a client without acknowledgements may lack is not forgotten, however large it is', () => {
  const window = new RidWindow(0, 2)
  const large = (rid: number) => ({ ...reply(rid, 'x'.repeat(1_500_000)), stanzas: 1 })
  const kept = () => [1, 2, 3, 4, 5].filter(rid => window.replyTo(rid) !== undefined)
  for (const rid of [1, 2, 3]) {
    window.accept(rid)
    window.store(large(rid), 1_000)
  }
  expect(kept()).toEqual([1, 2, 3])
  window.accept(4, true)
  window.store(large(4), 1_000)
  expect(kept()).toEqual([4])
})

describe('a reply with stanzas that is not known to have left', () => {
  const lossy = (rid: number) => ({ ...reply(rid, 'text'), stanzas: 1, mayBeLost: true })
  const start = (hasAcks = false) => {
    const window = new RidWindow(0, 2, 'created', hasAcks)
    window.accept(1)
    window.store(lossy(1))
    return window
  }

  test('stanzas that may not have arrived are those of all stored replies, for a client that acknowledges', () => {
    const window = new RidWindow(0, 2, 'created', true)
    for (const rid of [1, 2, 3, 4, 5]) {
      window.accept(rid, true)
      window.store({ ...reply(rid, 'text'), stanzas: rid })
    }
    expect(window.uncertainStanzas).toBe(1 + 2 + 3 + 4 + 5)
    window.acknowledge(1)
    expect(window.uncertainStanzas).toBe(2 + 3 + 4 + 5)
    // The same for the next page.
    expect(window.unacknowledged(false).map(({ rid }) => rid)).toEqual([2, 3, 4, 5])
  })

  test('a window that another process takes up continues unchanged', () => {
    const window = new RidWindow(0, 2, 'resumed')
    window.accept(1)
    window.store({ ...reply(1, 'text'), stanzas: 1, repeats: 2 })
    window.accept(2, true)
    window.store({ ...reply(2, 'more text'), stanzas: 2 })
    const next = new RidWindow(0, 2, 'handed-out')
    next.takeUp(JSON.parse(JSON.stringify(window.record)))
    expect([next.last, next.bytes, next.uncertainStanzas]).toEqual([2, window.bytes, 2])
    expect(next.uncertain.map(({ rid }) => rid)).toEqual([2])
    expect(next.replyTo(1)).toEqual(window.replyTo(1))
    expect([1, 2, 3, 4, 5].map(rid => next.place(rid))).toEqual([1, 2, 3, 4, 5].map(rid => window.place(rid)))
  })

  test('is not lacking if an earlier version stored it', () => {
    const next = new RidWindow(0, 2, 'handed-out')
    const { mayBeLost: _, ...before } = lossy(1)
    next.takeUp({ ...start().record, replies: [before as ReturnType<typeof lossy>] })
    expect(next.mayLackReply).toBe(false)
  })
})
