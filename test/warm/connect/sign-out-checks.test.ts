import { describe, expect, test } from '@jest/globals'
import { KeyedQueue } from '../../../src/lib/limits/keyed-queue.js'
import { createSignOutChecks } from '../../../src/warm/connect/sign-out-checks.js'
import { noSessionLimits } from '../../support/unlimited.js'

/** Five refused tokens of an address in five seconds, and two checks at once. */
function checks() {
  const limits = noSessionLimits({ rates: { sessionsPerAddress: 1 }, trustedProxies: { hasProxy: () => false } })
  return createSignOutChecks({
    refusedSignOuts: {
      areTooMany: address => limits.refusesSignOuts(address),
      count: address => limits.countRefusedSignOut(address),
    },
    queue: new KeyedQueue(2),
    tooMany: () => new Error('too many'),
  })
}

const flooder = '192.0.2.1'
const outcomes = (calls: Promise<unknown>[]) =>
  Promise.allSettled(calls).then(all => all.map(end => (end.status === 'fulfilled' ? end.value : end.reason.message)))

describe('tokens of sign-outs', () => {
  test('are refused unchecked after a flood of wrong ones from their address, sent at once', async () => {
    const checkSignOut = checks()
    let checked = 0
    const flood = Array.from({ length: 1_000 }, () =>
      checkSignOut(flooder, async () => {
        checked += 1
        await new Promise(setImmediate)
        throw new Error('wrong')
      }),
    )
    const refused = await outcomes(flood)
    expect(refused.filter(reason => reason === 'too many')).toHaveLength(1_000 - checked)
    // The second of two checks at once began before the first was refused.
    expect(checked).toBeLessThanOrEqual(6)
    expect(await outcomes([checkSignOut('192.0.2.2', async () => 'right')])).toEqual(['right'])
  })

  test('are not limited if they are right, although a backend sends many at once', async () => {
    const checkSignOut = checks()
    const all = Array.from({ length: 100 }, () => checkSignOut(flooder, async () => 'right'))
    expect(new Set(await outcomes(all))).toEqual(new Set(['right']))
  })
})
