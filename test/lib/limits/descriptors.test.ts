import { closeSync, openSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { descriptorsAreLeft, mostDescriptors, nextDescriptor } from '../../../src/lib/limits/descriptors.js'

/** A process that may have so many descriptors open, and has so many. */
function fakeProcess(most: number, open: number, keptShare?: number) {
  const fake = { open }
  const areLeft = descriptorsAreLeft(undefined, keptShare, most, () => (fake.open >= most ? undefined : fake.open))
  return Object.assign(fake, { areLeft })
}

describe('the descriptors for sessions', () => {
  test.each([
    [1_024, 992],
    [100_000, 99_968],
    [160, 144],
    [64, 57],
  ])('of %i are left up to %i, and some kept back for refusals', (most, open) => {
    const fake = fakeProcess(most, open - 1)
    expect(fake.areLeft()).toBe(true)
    fake.open = open
    expect(fake.areLeft()).toBe(false)
    fake.open = most
    expect(fake.areLeft()).toBe(false)
  })

  test('are left as long as a further share of all is free', () => {
    expect(fakeProcess(1_024, 888, 0.1).areLeft()).toBe(true)
    expect(fakeProcess(1_024, 889, 0.1).areLeft()).toBe(false)
    expect(fakeProcess(Number.POSITIVE_INFINITY, 1_000_000, 0.1).areLeft()).toBe(true)
  })

  test('are left again when some have been closed', () => {
    const fake = fakeProcess(1_024, 1_000)
    expect(fake.areLeft()).toBe(false)
    fake.open = 900
    expect(fake.areLeft()).toBe(true)
  })

  test('are any number where nothing says how many there may be', () => {
    expect(fakeProcess(Number.POSITIVE_INFINITY, 1_000_000).areLeft()).toBe(true)
  })
})

test('this process tells how many it may open, and how many it has open', () => {
  expect(mostDescriptors()).toBeGreaterThan(100)
  const before = nextDescriptor()!
  const opened = Array.from({ length: 5 }, () => openSync('/dev/null', 'r'))
  try {
    expect(nextDescriptor()).toBeGreaterThanOrEqual(before + 5)
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
})
