// A page that says numbers to itself.
import { expect } from '@jest/globals'
import type { Relay } from '../support/relay.js'
import type { User } from './user.js'

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
