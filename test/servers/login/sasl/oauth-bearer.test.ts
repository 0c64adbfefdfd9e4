import { expect, test } from '@jest/globals'
import { oauthBearer } from '../../../../src/servers/login/sasl/simple-mechanisms.js'

test('OAUTHBEARER sends a token as in RFC 7628', () => {
  // RFC 7628 §4.1, without host and port, which XMPP does not use.
  const login = oauthBearer('user@example.com', 'vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==')
  expect([login.name, login.clientFirst]).toEqual(['OAUTHBEARER', true])
  expect(login.response()).toBe(
    'n,a=user@example.com,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01',
  )
  login.success(undefined)
})

test('OAUTHBEARER sends the user in UTF-8, with escaped separators', () => {
  const login = oauthBearer('zoë,a=b@chat.example', 't')
  expect(Buffer.from(login.response() as string, 'latin1').toString()).toBe(
    'n,a=zoë=2Ca=3Db@chat.example,\x01auth=Bearer t\x01\x01',
  )
})

test('OAUTHBEARER answers a refusal as in RFC 7628 §3.2.3, and accepts no success after it', () => {
  const login = oauthBearer('user@example.com', 'expired')
  login.response()
  login.challenge('')
  expect(btoa(login.response() as string)).toBe('AQ==')
  const broken = expect.objectContaining({ code: 'remote-protocol-error', step: 'sasl' })
  expect(() => login.challenge('')).toThrow(broken)
  expect(() => login.success(undefined)).toThrow(broken)
})
