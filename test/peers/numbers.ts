// A page and another user who say numbers to each other.
import { expect } from '@jest/globals'
import type { Relay } from '../support/relay.js'
import type { ServerKind } from './servers.js'
import type { User } from './user.js'

export function sayBoth(page: User, bob: User, number: number): void {
  page.say(bob.jid, `number ${number}`)
  bob.say(page.jid, `number ${number}`)
}

/** A page that talks to itself hears each number once and in order, although its link is cut. Ends its session. */
export async function outlivesCuts(page: User, { cut }: Pick<Relay, 'cut'>): Promise<void> {
  page.say(page.jid, 'number 1')
  await page.receives('>number 1<')
  for (let number = 2; number <= 6; number++) {
    page.say(page.jid, `number ${number}`)
    if (number % 2 === 0) cut()
  }
  await page.receives('>number 6<')
  expect(page.numbers).toEqual([1, 2, 3, 4, 5, 6])
  await page.leave()
}

/**
 * Each has heard all numbers of the other once and in order, and the page has not gone. ejabberd routes once more what has come to
 * the process of a stream while another one resumes it: such messages of the page may come late.
 */
export async function expectAll(page: User, bob: User, count: number, maker: ServerKind['maker']): Promise<void> {
  await bob.receives(`>number ${count}<`)
  await page.receives(`>number ${count}<`)
  await Promise.all([page.isUpToDate(), bob.isUpToDate()])
  const all = Array.from({ length: count }, (_, index) => index + 1)
  const ofPage = maker === 'ejabberd' ? page.numbers.sort((a, b) => a - b) : page.numbers
  expect({ page: ofPage, bob: bob.numbers }).toEqual({ page: all, bob: all })
  expect(bob.hasSeen(page.jid, 'unavailable')).toBe(false)
}
