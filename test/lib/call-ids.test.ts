import { describe, expect, test } from '@jest/globals'
import { requestIdFrom, traceparentFrom } from '../../src/lib/call-ids.js'

describe('the request id of a call', () => {
  test.each(['a', '7f3c', 'Root=1-67891233-abcdef', 'web/42:7', 'x'.repeat(128)])(
    'is %j, as the caller sent it',
    id => {
      expect(requestIdFrom(id)).toBe(id)
    },
  )

  test.each([undefined, '', 'two words', 'one, two', 'a"b', 'é', 'x\n', 'x'.repeat(129)])(
    'is a new one instead of %j',
    id => {
      expect(requestIdFrom(id)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect(requestIdFrom(id)).not.toBe(requestIdFrom(id))
    },
  )
})

describe('the traceparent of a call', () => {
  const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

  test('is forwarded', () => {
    expect(traceparentFrom(valid)).toBe(valid)
  })

  test.each([
    undefined,
    '',
    valid.toUpperCase(),
    `${valid}-more`,
    valid.replace('00-', 'ff-'),
    valid.replace(/0af\w+/, '0'.repeat(32)),
    valid.replace(/b7a\w+/, '0'.repeat(16)),
    `${valid.slice(0, -1)}\n`,
  ])('is dropped if it is %j', header => {
    expect(traceparentFrom(header)).toBeUndefined()
  })
})
