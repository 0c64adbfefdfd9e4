import { closeSync, openSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { processOpenable, SessionDescriptors } from '../../src/session/descriptors.js'

/** A process that has so many descriptors open. */
class FakeProcess {
  constructor(
    readonly most: number | undefined,
    public open: number,
  ) {}

  next(): number | undefined {
    return this.most !== undefined && this.open >= this.most ? undefined : this.open
  }
}

describe('the descriptors for sessions', () => {
  test.each([
    [1_024, 992],
    [100_000, 99_968],
    [160, 144],
    [64, 57],
  ])('of %i are left up to %i, and some kept back for refusals', (most, open) => {
    const fake = new FakeProcess(most, open - 1)
    expect(new SessionDescriptors(fake).areLeft()).toBe(true)
    fake.open = open
    expect(new SessionDescriptors(fake).areLeft()).toBe(false)
    fake.open = most
    expect(new SessionDescriptors(fake).areLeft()).toBe(false)
  })

  test('are left again when some have been closed', () => {
    const fake = new FakeProcess(1_024, 1_000)
    const descriptors = new SessionDescriptors(fake)
    expect(descriptors.areLeft()).toBe(false)
    fake.open = 900
    expect(descriptors.areLeft()).toBe(true)
  })

  test('are any number where nobody says how many there may be', () => {
    const fake = new FakeProcess(undefined, 1_000_000)
    expect(new SessionDescriptors(fake).areLeft()).toBe(true)
  })
})

test('this process tells how many it may open, and how many it has open', () => {
  expect(processOpenable.most).toBeGreaterThan(100)
  const before = processOpenable.next()!
  const opened = Array.from({ length: 5 }, () => openSync('/dev/null', 'r'))
  try {
    expect(processOpenable.next()).toBeGreaterThanOrEqual(before + 5)
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
})
