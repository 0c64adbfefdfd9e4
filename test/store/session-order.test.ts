import { expect, test } from '@jest/globals'
import { pageOf } from '../../src/store/session-order.js'
import type { PageWish, StoredSession } from '../../src/store/store.js'
import { sessionOf } from './entries.js'

const count = 3_000
/** In an order of their own: 7,919 is prime. */
const sessions: readonly StoredSession[] = Array.from({ length: count }, (_, n) => {
  const place = (n * 7_919) % count
  const quietSince = n % 3 === 0 ? 1_000 + (place % 50) : undefined
  return sessionOf(`${place}`, { openedAt: Math.floor(place / 2), jid: `U${place % 700}@example.org/r`, quietSince })
})

const pageWith = (wish: Partial<PageWish>) => pageOf(sessions, { scope: ['*'], limit: 50, ...wish })

const keyFor: Record<NonNullable<PageWish['by']>, (session: StoredSession) => number | string> = {
  opened: ({ openedAt }) => openedAt,
  jid: ({ jid }) => jid!.toLowerCase(),
  state: ({ state }) => state,
  quiet: ({ quietSince }) => -(quietSince ?? Number.MAX_SAFE_INTEGER),
}

function sortedBy(by: NonNullable<PageWish['by']>): readonly string[] {
  const less = <T extends number | string>(a: T, b: T) => (a < b ? -1 : Number(a > b))
  return [...sessions].sort((a, b) => less(keyFor[by](a), keyFor[by](b)) || less(a.id, b.id)).map(({ id }) => id)
}

test.each(['opened', 'jid', 'state', 'quiet'] as const)('pages by %s are parts of the sorted list', async by => {
  const sorted = sortedBy(by)
  const reversed = [...sorted].reverse()
  for (const skip of [0, 1, 49, 500, 1_499, 2_970, 2_999, 3_000]) {
    const ids = async (wish: Partial<PageWish>) => (await pageWith({ by, skip, ...wish })).sessions.map(({ id }) => id)
    expect(await ids({})).toEqual(sorted.slice(skip, skip + 50))
    expect(await ids({ isReversed: true })).toEqual(reversed.slice(skip, skip + 50))
  }
})

test('pages that follow each other are the sorted list, and a page of no sessions has the total', async () => {
  const ids: string[] = []
  let after: PageWish['after']
  do {
    const { sessions: found, total, next } = await pageWith({ limit: 700, after })
    expect(total).toBe(count)
    ids.push(...found.map(({ id }) => id))
    after = next
  } while (after !== undefined)
  expect(ids).toEqual(sortedBy('opened'))
  expect(await pageWith({ limit: 0 })).toMatchObject({ sessions: [], total: count })
})
