import { createSecretKey } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { createSigner } from '../../../src/warm/events/events.js'

test('an event is signed as the libraries of Standard Webhooks expect it', () => {
  // A test vector of the libraries.
  const sign = createSigner(createSecretKey(Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')))
  expect(sign('msg_p5jXN8AQM9LWM0D4loKWxJek', '{"test": 2432232314}', 1_614_265_330)).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})
