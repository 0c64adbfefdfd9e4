// A page and another user who say numbers to each other.
import { expect } from '@jest/globals'
import type { User } from './user.js'

export function sayBoth(page: User, bob: User, number: number): void {
  page.say(bob.jid, `number ${number}`)
  bob.say(page.jid, `number ${number}`)
}

/** Each has heard all numbers of the other once and in order, and the page has not gone. */
export async function expectAll(page: User, bob: User, count: number): Promise<void> {
  await bob.receives(`>number ${count}<`)
  await page.receives(`>number ${count}<`)
  await Promise.all([page.isUpToDate(), bob.isUpToDate()])
  const all = Array.from({ length: count }, (_, index) => index + 1)
  expect({ page: page.numbers, bob: bob.numbers }).toEqual({ page: all, bob: all })
  expect(bob.hasSeen(page.jid, 'unavailable')).toBe(false)
}
