import { beforeEach, describe, expect, test } from '@jest/globals'
import { createLog } from '../../src/log.js'
import type { Foresight } from '../../src/warm/foresight.js'
import { RememberedOffers } from '../../src/warm/remembered-offers.js'
import type { Element } from '../../src/xml/element.js'
import { FakeClock } from '../support/fake-clock.js'

const domain = 'chat.example'
const hour = 3_600_000

const features = (text: string): Element => ({ name: 'features', namespace: 'urn:x', text })
const toLogIn = features('<features>to log in</features>')
const toBind = features('<features>to bind</features>')
const usual = [toLogIn, toBind]

let clock: FakeClock
let lines: string[]
let offers: RememberedOffers

beforeEach(() => {
  clock = new FakeClock()
  lines = []
  offers = new RememberedOffers(clock, createLog('trace', { write: line => void lines.push(line) }))
})

/** What a login opens: streams with these features, answered in time. */
function open(foresight: Foresight, streams: readonly Element[] = usual): void {
  for (const stream of streams) {
    foresight.expected()
    foresight.came(features(stream.text))
    foresight.answered()
  }
}

/** A login that succeeds; tells what was expected of it. */
function succeed(streams = usual, at = domain): string[] {
  const foresight = offers.foresee(at)
  const expected = expectedOf(foresight)
  open(foresight, streams)
  offers.succeeded(at, foresight)
  return expected
}

/** A login that opens its first stream, and is not answered there. */
function beginAhead(): Foresight {
  const foresight = offers.foresee(domain)
  foresight.expected()
  return foresight
}

/** Whether a login is ahead, and of which server. */
function expectedOf(foresight: Foresight): string[] {
  return foresight.wasAhead ? ['ahead', foresight.isProven ? 'proven' : 'tried'] : []
}

/** How the next login would begin; it is left again. */
function next(at = domain): string[] {
  const foresight = offers.foresee(at)
  offers.failed(at, foresight, true)
  return expectedOf(foresight)
}

const waits: string[] = []
const tried = ['ahead', 'tried']
const proven = ['ahead', 'proven']

describe('a server', () => {
  test('of which nothing is known is waited for', () => {
    expect(next()).toEqual(waits)
    expect(beginAhead().isAhead).toBe(false)
  })

  test('is tried with what a login at its own pace has seen, and is proven once that has succeeded', () => {
    expect(succeed()).toEqual(waits)
    const foresight = offers.foresee(domain)
    expect([foresight.isProven, foresight.expected()?.text]).toEqual([false, toLogIn.text])
    expect(foresight.came(features(toLogIn.text))).toBe(true)
    foresight.answered()
    expect(foresight.expected()?.text).toBe(toBind.text)
    expect(foresight.came(features(toBind.text))).toBe(true)
    offers.succeeded(domain, foresight)
    expect(succeed()).toEqual(proven)
    expect(next()).toEqual(proven)
  })

  test('says nothing of another', () => {
    succeed()
    expect(next('other.example')).toEqual(waits)
  })

  test('is tried with one login at a time', () => {
    succeed()
    const first = beginAhead()
    // Others succeed meanwhile, at the server's pace.
    expect([succeed(), succeed()]).toEqual([waits, waits])
    first.came(features(toLogIn.text))
    first.answered()
    open(first, [toBind])
    offers.succeeded(domain, first)
    expect(next()).toEqual(proven)
  })

  test('that is proven is answered ahead by any number of logins', () => {
    succeed()
    succeed()
    const all = [beginAhead(), beginAhead(), beginAhead()]
    expect(all.map(({ isAhead, isProven }) => isAhead && isProven)).toEqual([true, true, true])
  })
})

describe('a trial that fails', () => {
  test('without an answer leaves the server alone for an hour, and is logged', () => {
    succeed()
    const foresight = beginAhead()
    foresight.came(features(toLogIn.text))
    expect(foresight.isToBlame).toBe(true)
    offers.failed(domain, foresight, false)
    expect(lines.map(line => JSON.parse(line))).toEqual([
      {
        ...{ level: 30, domain, msg: 'this server does not cope with pipelined logins' },
        ...{ time: expect.anything(), pid: expect.anything(), hostname: expect.anything() },
      },
    ])
    clock.advance(hour - 1)
    expect([succeed(), next()]).toEqual([waits, waits])
    clock.advance(1)
    expect([next(), succeed(), next()]).toEqual([tried, tried, proven])
    expect(lines).toHaveLength(1)
  })

  test('without an answer on the second stream does so, too', () => {
    succeed()
    const foresight = offers.foresee(domain)
    open(foresight, [toLogIn])
    foresight.expected()
    offers.failed(domain, foresight, false)
    expect(next()).toEqual(waits)
    clock.advance(hour)
    expect(next()).toEqual(tried)
  })

  test('for it was left by its caller says nothing: the server is tried again', () => {
    succeed()
    offers.failed(domain, beginAhead(), true)
    expect(lines).toEqual([])
    expect(next()).toEqual(tried)
  })

  test('for another reason, once it was answered, says nothing either', () => {
    succeed()
    const foresight = beginAhead()
    foresight.came(features(toLogIn.text))
    foresight.answered()
    expect(foresight.isToBlame).toBe(false)
    offers.failed(domain, foresight, false)
    expect(lines).toEqual([])
    expect(next()).toEqual(tried)
  })
})

describe('a login that fails', () => {
  test('is not to blame for what the service did where it was not ahead', () => {
    const unknown = beginAhead()
    offers.failed(domain, unknown, false)
    succeed()
    const first = beginAhead()
    const second = beginAhead()
    offers.failed(domain, second, false)
    expect([unknown.isToBlame, second.isToBlame, lines]).toEqual([false, false, []])
    open(first)
    offers.succeeded(domain, first)
    expect(next()).toEqual(proven)
  })

  test('leaves a proven server proven', () => {
    succeed()
    succeed()
    const foresight = beginAhead()
    expect(foresight.isToBlame).toBe(false)
    offers.failed(domain, foresight, false)
    expect(next()).toEqual(proven)
    expect(lines).toEqual([])
  })

  test.each([
    ['tried', 1],
    ['proven', 2],
  ])('for other features than a %s server was expected to have makes it forgotten', (_how, logins) => {
    for (let login = 0; login < logins; login++) succeed()
    const foresight = beginAhead()
    expect(foresight.came(features('<features>others</features>'))).toBe(false)
    expect([foresight.isMistaken, foresight.isToBlame]).toEqual([true, true])
    offers.failed(domain, foresight, false)
    expect(lines).toEqual([])
    expect([next(), succeed(), next()]).toEqual([waits, waits, tried])
  })
})

describe('features', () => {
  const newer = [features('<features>newer</features>'), toBind]

  test.each([
    ['tried', 1],
    ['proven', 2],
  ])(
    'that are new, of a %s server whose login succeeds all the same, are those expected next',
    (_how, logins) => {
      for (let login = 0; login < logins; login++) succeed()
      succeed(newer)
      const foresight = offers.foresee(domain)
      expect(foresight.isProven).toBe(true)
      expect(foresight.expected()?.text).toBe(newer[0]!.text)
      expect(foresight.came(newer[0]!)).toBe(true)
    },
  )

  test.each([
    ['one stream alone', [toLogIn]],
    ['a stream whose features are too long', [toLogIn, features('x'.repeat(16 * 1024 + 1))]],
  ])('of %s are not remembered', (_which, streams) => {
    succeed(streams)
    expect(next()).toEqual(waits)
  })

  test('that are as long as may be are remembered', () => {
    succeed([toLogIn, features('x'.repeat(16 * 1024))])
    expect(next()).toEqual(tried)
  })

  test.each([
    ['of one stream alone', [toLogIn]],
    ['that are too long', [toLogIn, features('x'.repeat(16 * 1024 + 1))]],
  ])('%s, seen in a trial, make the server forgotten rather than tried for ever', (_which, streams) => {
    succeed()
    expect(succeed(streams)).toEqual(tried)
    expect([next(), succeed(), next()]).toEqual([waits, waits, tried])
  })

  test('of a thousand domains are remembered, those learned last', () => {
    for (let number = 0; number <= 1000; number++) succeed(usual, `${number}.example`)
    expect(['0', '1', '1000'].map(number => next(`${number}.example`))).toEqual([waits, tried, tried])
  })

  test('are kept without what came with them', () => {
    succeed()
    const foresight = offers.foresee(domain)
    const expected = foresight.expected()!
    foresight.came(features(toLogIn.text))
    expect(foresight.seen[0]).toBe(expected)
  })
})
