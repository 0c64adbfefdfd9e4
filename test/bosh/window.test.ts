import { describe, expect, test } from '@jest/globals'
import { RidWindow } from '../../src/bosh/window.js'

describe('the place of a request', () => {
  // The last received in order is 710, two may be on their way.
  test.each([
    [711, 0, 'next'],
    [712, 0, 'early'],
    [713, 0, 'outside'],
    [713, 1, 'early'],
    [714, 1, 'outside'],
    [710, 0, 'repeated'],
    [1, 0, 'repeated'],
    [Number.MAX_SAFE_INTEGER, 0, 'outside'],
  ] as const)('rid %d with %d extra is %s', (rid, extra, place) => {
    expect(new RidWindow(710, 2).place(rid, extra)).toBe(place)
  })

  test('moves on with each request that is taken', () => {
    const window = new RidWindow(710, 2)
    window.accept(711)
    expect([711, 712, 713, 714].map(rid => window.place(rid))).toEqual([
      'repeated',
      'next',
      'early',
      'outside',
    ])
    expect(window.last).toBe(711)
  })

  test('reaches up to the largest number there is', () => {
    const window = new RidWindow(Number.MAX_SAFE_INTEGER - 1, 2)
    expect(window.place(Number.MAX_SAFE_INTEGER)).toBe('next')
  })
})

describe('kept replies', () => {
  test('are the newest of the window and one more', () => {
    const window = new RidWindow(1, 2)
    for (const rid of [1, 2, 3, 4]) window.store(rid, `reply ${rid}`)
    expect([1, 2, 3, 4, 5].map(rid => window.replyTo(rid))).toEqual([
      undefined,
      'reply 2',
      'reply 3',
      'reply 4',
      undefined,
    ])
  })
})

describe('after the handover', () => {
  test.each([
    ['the last used rid', 710, 710],
    ['the next rid', 711, 711],
  ])('a client may begin with %s and counts on from it', (_which, first, last) => {
    const window = new RidWindow(710, 2)
    window.store(710, 'a reply to the handshake')
    window.handOver()
    expect(window.place(first)).toBe('next')
    window.accept(first)
    expect(window.last).toBe(last)
    expect(window.place(first)).toBe('repeated')
    expect(window.place(first + 1)).toBe('next')
  })

  test('the last used rid is taken as new only once', () => {
    const window = new RidWindow(710, 2)
    window.handOver()
    window.accept(711)
    expect(window.place(710)).toBe('repeated')
  })

  test('replies of the handshake cannot be fetched', () => {
    const window = new RidWindow(710, 2)
    window.store(710, 'a reply to the handshake')
    window.handOver()
    expect(window.replyTo(710)).toBeUndefined()
  })
})
