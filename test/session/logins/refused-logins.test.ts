import { expect, test } from '@jest/globals'
import { FakeClock } from '../../support/fake-clock.js'
import { memoryStore } from '../../support/memory-store.js'
import { noLoginLimits } from '../../support/unlimited.js'

const alice = { address: '192.0.2.1', domain: 'chat.example' }

test('refused logins at several processes count together', async () => {
  const { rate } = memoryStore(new FakeClock())
  const all = Array.from({ length: 3 }, () =>
    noLoginLimits({
      rates: { loginsPerAddress: 6 },
      trustedProxies: { hasProxy: () => false },
      makeRate: rate,
    }),
  )
  const waits: number[] = []
  for (let number = 0; number < 9; number++) waits.push(await all[number % 3]!.begun(alice))
  expect(waits).toEqual([0, 0, 0, 0, 0, 0, 500, 1_000, 2_000])
  for (const each of all) await each.takenBack(alice)
  expect(await all[1]!.begun(alice)).toBe(500)
  expect(await all[1]!.begun({ ...alice, address: '192.0.2.2' })).toBe(0)
})

test('refused logins at several domains count together, for three times the limit', async () => {
  const logins = noLoginLimits({ rates: { loginsPerAddress: 4 }, trustedProxies: { hasProxy: () => false } })
  const waits: number[] = []
  for (let number = 0; number < 15; number++)
    waits.push(await logins.begun({ ...alice, domain: `d${number % 6}.example` }))
  expect(waits).toEqual([...Array(12).fill(0), 500, 1_000, 2_000])
})

test.each([
  [60, 20_000],
  [10, 5_000],
  [0, 20_000],
])('with %d s to log in, no login waits longer than %d ms', async (loginTimeout, longest) => {
  const logins = noLoginLimits({
    rates: { loginsPerAddress: 1 },
    limits: { loginTimeout },
    trustedProxies: { hasProxy: () => false },
  })
  let wait = 0
  for (let number = 0; number < 30; number++) wait = await logins.begun(alice)
  expect(wait).toBe(longest)
})

test('with a limit of 0, or from a proxy itself, logins are not limited', () => {
  const rates = { loginsPerAddress: 4 }
  const trustedProxies = { hasProxy: (address: string) => address === '10.0.0.1' }
  expect(noLoginLimits({ trustedProxies: { hasProxy: () => false } }).isLimited(alice)).toBe(false)
  const limited = noLoginLimits({ rates, trustedProxies })
  expect(limited.isLimited({ ...alice, address: '10.0.0.1' })).toBe(false)
  expect(limited.isLimited(alice)).toBe(true)
})
