import { describe, expect, test } from '@jest/globals'
import { createSignOutChecks } from '../../../src/warm/connect/page-authentication.js'
import { callLimits, config } from '../fake-login.js'

/** Five refused tokens of a client in five seconds. */
function checks() {
  const { refusedSignOuts } = callLimits({ rates: { ...config.rates, sessionsPerAddress: 1 } })
  return createSignOutChecks(refusedSignOuts, config, () => new Error('too many'))
}

const claims = { sub: 'alice' }
const right = async () => claims
const outcomes = (calls: Promise<unknown>[]) =>
  Promise.allSettled(calls).then(all => all.map(end => (end.status === 'fulfilled' ? end.value : end.reason.message)))

describe('tokens of sign-outs for which several keys must be tried', () => {
  test.each([
    ['an address', () => '192.0.2.1'],
    ['a /64', (call: number) => `2001:db8::${call.toString(16)}`],
  ])('are refused unchecked after a flood of wrong ones from %s, sent at once', async (_what, addressOf) => {
    const trySeveralOf = checks()
    let checked = 0
    const flood = Array.from({ length: 1_000 }, (_, call) =>
      trySeveralOf(addressOf(call))(async () => {
        checked += 1
        await new Promise(setImmediate)
        throw new Error('wrong')
      }),
    )
    const refused = await outcomes(flood)
    expect(refused.filter(reason => reason === 'too many')).toHaveLength(1_000 - checked)
    // The second of two checks at once began before the first was refused.
    expect(checked).toBeLessThanOrEqual(6)
    expect(await outcomes([trySeveralOf('192.0.2.2')(right)])).toEqual([claims])
  })

  test('are not limited if they are right, although a backend sends many at once', async () => {
    const trySeveralOf = checks()
    const all = Array.from({ length: 100 }, () => trySeveralOf('192.0.2.1')(right))
    expect(new Set(await outcomes(all))).toEqual(new Set([claims]))
  })
})
