import { beforeEach, describe, expect, test } from '@jest/globals'
import { createLog } from '../../../src/lib/log.js'
import type { Pipelining } from '../../../src/servers/login/pipelining.js'
import { createPipeliningMemory, type PipeliningMemory } from '../../../src/servers/login/pipelining-memory.js'
import type { StreamFeatures } from '../../../src/servers/login/stream-features.js'
import { FakeClock } from '../../support/fake-clock.js'

const domain = 'chat.example'
const hour = 3_600_000

const toLogIn = '<features>to log in</features>'
const toBind = '<features>to bind</features>'
const usual = [toLogIn, toBind]
const ofLength = (length: number) => `<f>${'x'.repeat(length - '<f></f>'.length)}</f>`

let clock: FakeClock
let lines: string[]
let memory: PipeliningMemory

beforeEach(() => {
  clock = new FakeClock()
  lines = []
  memory = createPipeliningMemory(clock, createLog('trace', { write: line => void lines.push(line) }))
})

function open(pipelining: Pipelining, streams: readonly string[] = usual): void {
  for (const stream of streams) {
    beginStream(pipelining)
    pipelining.received(stream)
    pipelining.answered()
  }
}

/** Returns the expected features. */
function beginStream(pipelining: Pipelining): StreamFeatures | undefined {
  return pipelining.nextStream() && pipelining.goAhead()
}

function succeed(streams = usual, at = domain): string[] {
  const pipelining = memory.foresee(at)
  const expected = expectedOf(pipelining)
  open(pipelining, streams)
  memory.succeeded(at, pipelining)
  return expected
}

/** The first stream gets no answer. */
function beginAhead(): Pipelining {
  const pipelining = memory.foresee(domain)
  beginStream(pipelining)
  return pipelining
}

function expectedOf(pipelining: Pipelining): string[] {
  return pipelining.wasPossible ? ['ahead', pipelining.provenFrom < 2 ? 'proven' : 'tried'] : []
}

/** Returns how the next login would begin, then cancels it. */
function next(at = domain): string[] {
  const pipelining = memory.foresee(at)
  memory.failed(at, pipelining, true)
  return expectedOf(pipelining)
}

const waits: string[] = []
const tried = ['ahead', 'tried']
const proven = ['ahead', 'proven']

describe('a server of earlier logins', () => {
  test('gets one trial with the features of an ordinary login, and is proven if this succeeds', () => {
    expect([next(), beginAhead().isAhead]).toEqual([waits, false])
    expect(succeed()).toEqual(waits)
    const pipelining = memory.foresee(domain)
    expect(pipelining.nextStream()).toBe('trial')
    expect([pipelining.goAhead().text, pipelining.received(toLogIn)]).toEqual([toLogIn, 'nothing-new'])
    pipelining.answered()
    expect(pipelining.nextStream()).toBe('trial')
    expect([pipelining.goAhead().text, pipelining.received(toBind)]).toEqual([toBind, 'nothing-new'])
    expect(pipelining.isMistaken).toBe(false)
    memory.succeeded(domain, pipelining)
    expect(succeed()).toEqual(proven)
    expect(next()).toEqual(proven)
  })

  test('that is proven gets any number of pipelined logins, also with SASL2, which has one stream', () => {
    for (let login = 0; login < 2; login++) {
      const pipelining = memory.foresee(domain)
      open(pipelining, [toLogIn])
      // XEP-0388 §2.6.
      pipelining.nextStream()
      pipelining.received(toBind)
      memory.succeeded(domain, pipelining)
    }
    const all = [beginAhead(), beginAhead(), beginAhead()]
    expect(all.map(({ isAhead, provenFrom }) => [isAhead, provenFrom])).toEqual(Array(3).fill([true, 0]))
  })
})

describe('a pipelined login that fails', () => {
  const isSilent = (pipelining: Pipelining) => void beginStream(pipelining)
  const isSilentLater = (pipelining: Pipelining) => {
    open(pipelining, [toLogIn])
    beginStream(pipelining)
  }
  const isAnswered = (pipelining: Pipelining) => open(pipelining, [toLogIn])

  test.each<[string, number, (pipelining: Pipelining) => void, boolean, string[]]>([
    ['without an answer turns pipelining off', 1, isSilent, false, waits],
    ['without an answer on the second stream, too', 1, isSilentLater, false, waits],
    ['because its caller left does not count', 1, isSilent, true, tried],
    ['after an answer does not count', 1, isAnswered, false, tried],
    ['leaves a proven server proven', 2, isSilent, false, proven],
  ])('%s', (_how, logins, fail, isOther, expected) => {
    for (let login = 0; login < logins; login++) succeed()
    const pipelining = memory.foresee(domain)
    fail(pipelining)
    expect(pipelining.isToBlame).toBe(isOther || expected === waits)
    memory.failed(domain, pipelining, isOther)
    expect([next(), lines.length]).toEqual([expected, expected === waits ? 1 : 0])
    clock.advance(hour)
    expect(next()).toEqual(expected === proven ? proven : tried)
  })

  test('has one log line with others that fail at the same time, and pipelining is off for an hour', () => {
    succeed()
    for (const pipelining of [beginAhead(), beginAhead()]) memory.failed(domain, pipelining, false)
    expect(lines.map(line => JSON.parse(line))).toMatchObject([
      { level: 30, domain, msg: 'this server does not cope with pipelined logins' },
    ])
    clock.advance(hour - 1)
    expect([succeed(), next()]).toEqual([waits, waits])
    clock.advance(1)
    expect([next(), succeed(), next(), lines.length]).toEqual([tried, tried, proven, 1])
  })

  test.each([1, 2])('for other features makes those of %d logins unknown', logins => {
    for (let login = 0; login < logins; login++) succeed()
    const pipelining = beginAhead()
    pipelining.received('<features>others</features>')
    expect([pipelining.isMistaken, pipelining.isToBlame]).toEqual([true, true])
    memory.failed(domain, pipelining, false)
    expect([next(), succeed(), next(), lines.length]).toEqual([waits, waits, tried, 0])
  })
})

/** The first stream cannot be pipelined. */
function succeedLater(): void {
  const pipelining = memory.foresee(domain)
  pipelining.nextStream()
  pipelining.received(toLogIn)
  open(pipelining, [toBind])
  memory.succeeded(domain, pipelining)
}

test('a server proven on its second stream only, as over TLS 1.3, is on trial when its first is pipelined', () => {
  succeedLater()
  succeedLater()
  const begin = () => {
    const pipelining = memory.foresee(domain)
    return [pipelining, pipelining.nextStream()] as const
  }
  expect([begin()[1], begin()[1]]).toEqual(['trial', 'trial'])
  const [pipelining] = begin()
  pipelining.goAhead()
  expect(pipelining.isToBlame).toBe(true)
  pipelining.received(toLogIn)
  pipelining.answered()
  expect(pipelining.nextStream()).toBe('proven')
  pipelining.goAhead()
  pipelining.received(toBind)
  pipelining.answered()
  memory.succeeded(domain, pipelining)
  expect(begin()[1]).toBe('proven')
  // A login without pipelining in its first stream changes nothing.
  succeedLater()
  expect(begin()[1]).toBe('proven')
})

describe('the remembered features of a server', () => {
  const newer = ['<features>newer</features>', toBind]

  test.each([1, 2])('are replaced by new features if a login succeeds after %d others', logins => {
    for (let login = 0; login < logins; login++) succeed()
    succeed(newer)
    const pipelining = memory.foresee(domain)
    expect(pipelining.provenFrom).toBe(0)
    expect(beginStream(pipelining)?.text).toBe(newer[0])
  })

  test.each([
    ['one stream alone', [toLogIn]],
    ['a stream whose features are too long', [toLogIn, ofLength(16 * 1024 + 1)]],
  ])('do not include %s, and are dropped after it, so that trials do not repeat for ever', (_which, streams) => {
    succeed(streams)
    expect([next(), succeed()]).toEqual([waits, waits])
    expect([succeed(streams), next(), succeed(), next()]).toEqual([tried, waits, waits, tried])
  })

  test('may have the maximum length', () => {
    succeed([toLogIn, ofLength(16 * 1024)])
    expect(next()).toEqual(tried)
  })

  test('are those of the last thousand domains', () => {
    for (let number = 0; number <= 1000; number++) succeed(usual, `${number}.example`)
    expect(['0', '1', '1000'].map(number => next(`${number}.example`))).toEqual([waits, tried, tried])
  })

  test('do not keep the text around them in memory', () => {
    succeed()
    const pipelining = memory.foresee(domain)
    const expected = beginStream(pipelining)!
    pipelining.received(toLogIn)
    expect(pipelining.seen[0]).toBe(expected)
  })
})
