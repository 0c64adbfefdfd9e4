import { closeSync, openSync, readdirSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { Descriptors, mostDescriptors, openDescriptors } from '../../../src/lib/limits/descriptors.js'

/** A process with a limit of `most` descriptors, of which `open` are open. */
function fakeProcess(most: number, open: number, keptShare?: number) {
  const fake = { open }
  const descriptors = new Descriptors(most, () => (fake.open >= most ? undefined : fake.open))
  return Object.assign(fake, { descriptors, areLeft: descriptors.room(undefined, keptShare) })
}

describe('file descriptors for new sessions', () => {
  test.each([
    [1_024, 992],
    [160, 144],
    [64, 57],
  ])('of %i are available up to %i, and the rest is for refusals', (most, open) => {
    const fake = fakeProcess(most, open - 1)
    expect(fake.areLeft()).toBe(true)
    fake.open = open
    expect(fake.areLeft()).toBe(false)
    fake.open = most
    expect(fake.areLeft()).toBe(false)
  })

  test('are available while a further share of all is free, and connections that are expected leave some', () => {
    expect(fakeProcess(1_024, 888, 0.1).areLeft()).toBe(true)
    expect(fakeProcess(1_024, 889, 0.1).areLeft()).toBe(false)
    expect(fakeProcess(Number.POSITIVE_INFINITY, 1_000_000, 0.1).areLeft()).toBe(true)
    // Expected connections will take the last.
    const fake = fakeProcess(1_024, 900)
    fake.descriptors.expected = 92
    expect(fake.areLeft()).toBe(false)
    fake.descriptors.expected = 91
    expect(fake.areLeft()).toBe(true)
  })

  test('are unlimited if the limit is unknown, until none is free', () => {
    const fake = fakeProcess(Number.POSITIVE_INFINITY, 1_000_000)
    expect(fake.areLeft()).toBe(true)
    fake.open = Number.POSITIVE_INFINITY
    expect(fake.areLeft()).toBe(false)
    fake.open = 1_000_000
    expect(fake.areLeft()).toBe(true)
  })
})

test('this process reads its limit of descriptors, and its open descriptors', () => {
  expect(mostDescriptors()).toBeGreaterThan(100)
  const descriptors = new Descriptors()
  const before = descriptors.taken
  const openBefore = openDescriptors()
  // Listing opens the folder.
  expect(openBefore).toBe(readdirSync('/proc/self/fd').length - 1)
  const opened = Array.from({ length: 5 }, () => openSync('/dev/null', 'r'))
  try {
    expect(descriptors.taken).toBeGreaterThanOrEqual(before + 5)
    expect(openDescriptors()).toBe(openBefore + 5)
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
})

test('where the system does not count open descriptors, they are listed', () => {
  // The size of all files of `/proc` but for this folder is 0.
  expect(openDescriptors('/proc/self/task')).toBe(readdirSync('/proc/self/task').length - 1)
})
